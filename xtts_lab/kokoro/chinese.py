"""Mandarin in Kokoro's symbols, by way of pinyin, as the misaki front end writes it.

espeak-ng's own Mandarin has other tones and no retroflex sounds of its own; here a syllable is its
initial, its final and an arrow for its tone (→ level, ↗ rising, ↓ low, ↘ falling).
"""

from __future__ import annotations

_INITIALS = {
    "zh": "ꭧ", "ch": "ꭧʰ", "sh": "ʂ", "b": "p", "p": "pʰ", "m": "m", "f": "f", "d": "t",
    "t": "tʰ", "n": "n", "l": "l", "g": "k", "k": "kʰ", "h": "x", "j": "ʨ", "q": "ʨʰ",
    "x": "ɕ", "r": "ɻ", "z": "ʦ", "c": "ʦʰ", "s": "s",
}  # fmt: skip
_FINALS = {
    "a": "a", "o": "wo", "e": "ɤ", "ai": "ai", "ei": "ei", "ao": "au", "ou": "ou", "an": "an",
    "en": "ən", "ang": "aŋ", "eng": "əŋ", "ong": "ʊŋ", "er": "ɚ", "i": "i", "ia": "ja",
    "ie": "je", "iao": "jau", "iou": "jou", "ian": "jɛn", "in": "in", "iang": "jaŋ",
    "ing": "iŋ", "iong": "jʊŋ", "u": "u", "ua": "wa", "uo": "wo", "uai": "wai", "uei": "wei",
    "uan": "wan", "uen": "wən", "uang": "waŋ", "ueng": "wəŋ", "v": "y", "ve": "ɥe",
    "van": "ɥɛn", "vn": "yn", "ê": "ɛ", "io": "jo",
}  # fmt: skip
_TONES = {"1": "→", "2": "↗", "3": "↓", "4": "↘", "5": ""}
_MARKS = str.maketrans("，。？！；：、…—", ",.?!;:,…—")
_SIBILANTS = frozenset({"zh", "ch", "sh", "r", "z", "c", "s"})


def hanzi_to_symbols(text: str) -> str:
    """Return the symbols of a Mandarin text; what is neither hanzi nor punctuation falls away."""
    from pypinyin import Style, pinyin

    initials = pinyin(text, style=Style.INITIALS, strict=True)
    finals = pinyin(text, style=Style.FINALS_TONE3, strict=True, neutral_tone_with_five=True)
    symbols = (_syllable(first[0], last[0]) for first, last in zip(initials, finals, strict=True))
    return " ".join("".join(symbols).split())


def _syllable(initial: str, final: str) -> str:
    body, tone = final[:-1], final[-1:]
    if tone not in _TONES or body not in _FINALS:
        return "".join(f"{c} " for c in final.translate(_MARKS) if c in ",.?!;:…—")
    buzzed = initial in _SIBILANTS and body == "i"
    return _INITIALS.get(initial, "") + ("ɨ" if buzzed else _FINALS[body]) + _TONES[tone]
