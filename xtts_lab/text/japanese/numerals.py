"""Japanese numbers in hiragana, in the parts that a romanised text writes apart."""

from __future__ import annotations

DIGITS = ("ぜろ", "いち", "に", "さん", "よん", "ご", "ろく", "なな", "はち", "きゅう")
_HUNDREDS = {1: "ひゃく", 3: "さんびゃく", 6: "ろっぴゃく", 8: "はっぴゃく"}
_THOUSANDS = {1: "せん", 3: "さんぜん", 8: "はっせん"}
_LARGE = ("", "まん", "おく", "ちょう", "けい")
_SMALL_TSU = {1: "いっ", 8: "はっ", 10: "じゅっ"}
MAX_NAMED_DIGITS = 16


def cardinal(digits: str) -> list[str]:
    """Return the parts of a whole number: "2023" is にせん, にじゅう, さん."""
    significant = digits.lstrip("0")
    if not significant:
        return [DIGITS[0]]
    if len(significant) > MAX_NAMED_DIGITS:
        return spell(digits)
    parts: list[str] = []
    for power in range((len(significant) - 1) // 4, -1, -1):
        group = int(significant[: -4 * power or None][-4:])
        parts += _group(group, _LARGE[power]) if group else []
    return parts


def spell(digits: str) -> list[str]:
    """Return the digits one by one."""
    return [DIGITS[int(digit)] for digit in digits]


def decimal(whole: str, fraction: str) -> list[str]:
    """Return the parts of a decimal: "1.5" is いってん, ご."""
    parts = ["れい"] if not int(whole[-20:]) else cardinal(whole)
    last = parts[-1]
    for long, short in (("いち", "いっ"), ("はち", "はっ"), ("じゅう", "じゅっ")):
        if last.endswith(long):
            last = last.removesuffix(long) + short
            break
    return [*parts[:-1], last + "てん", *spell(fraction)]


def _group(number: int, unit: str) -> list[str]:
    """Read up to four digits and the unit of their group, which joins the last part."""
    thousands, rest = divmod(number, 1000)
    hundreds, rest = divmod(rest, 100)
    tens, ones = divmod(rest, 10)
    parts = []
    if thousands:
        parts.append(_THOUSANDS.get(thousands) or DIGITS[thousands] + "せん")
    if hundreds:
        parts.append(_HUNDREDS.get(hundreds) or DIGITS[hundreds] + "ひゃく")
    if tens:
        parts.append(("" if tens == 1 else DIGITS[tens]) + "じゅう")
    if ones:
        parts.append(DIGITS[ones])
    if thousands == 1 and len(parts) == 1 and unit:
        parts = ["いっせん"]
    if not unit:
        return parts
    if unit == "ちょう" and (ones in _SMALL_TSU or (not ones and tens)):
        short = _SMALL_TSU[ones] if ones else parts[-1].removesuffix("じゅう") + "じゅっ"
        return [*parts[:-1], short + unit]
    return [*parts[:-1], parts[-1] + unit]
