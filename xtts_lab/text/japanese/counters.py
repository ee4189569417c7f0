"""Japanese counters and the sounds that change between them and their number: 六本 is ろっぽん.

A counter's class says what its first sound does after いち, ろく, はち, じゅう, ひゃく and after n:
"h" 本 (いっぽん, さんぼん), "f" 分 (いっぷん, さんぷん, よんぷん), "k" 個 (いっこ, ろっこ),
"g" 階 (さんがい), "s" 冊 (いっさつ, ろくさつ), "z" 足 (さんぞく), "t" 頭 (いっとう), "-" 枚
(nothing).
"""

from __future__ import annotations

from collections.abc import Mapping

from xtts_lab.text.japanese.numerals import DIGITS, cardinal

_CLASSES: Mapping[str, str] = {
    "h": "本:ほん 匹:ひき 疋:ひき 杯:はい 票:ひょう 俵:ひょう 編:へん",
    "f": "敗:はい 分:ふん 分間:ふんかん 泊:はく 発:はつ 歩:ほ 拍:はく 班:はん 片:へん 版:はん"
    " 品:ひん 筆:ひつ",
    "k": "個:こ 箇:こ コ:こ ヶ月:かげつ か月:かげつ カ月:かげつ ヵ月:かげつ ケ月:かげつ"
    " 箇月:かげつ ヶ所:かしょ か所:かしょ カ所:かしょ 箇所:かしょ"
    " ヶ国:かこく か国:かこく カ国:かこく ヵ国:かこく ヶ国語:かこくご か国語:かこくご 回:かい"
    " 回目:かいめ 階建て:かいだて 階建:かいだて 件:けん"
    " 曲:きょく 巻:かん 機:き 基:き 級:きゅう 校:こう 項目:こうもく 缶:かん 期:き 局:きょく"
    " 貫:かん 区:く 球:きゅう 機種:きしゅ",
    "g": "階:かい 軒:けん",
    "s": "冊:さつ 歳:さい 才:さい 週:しゅう 週間:しゅうかん 週目:しゅうめ 種:しゅ 種類:しゅるい"
    " 社:しゃ 章:しょう 世紀:せいき 世代:せだい 世帯:せたい"
    " 席:せき 隻:せき 艘:そう 戦:せん 勝:しょう 周:しゅう 周年:しゅうねん 節:せつ"
    " 小節:しょうせつ 食:しょく 色:しょく 首:しゅ 車線:しゃせん",
    "-": "乗:じょう 錠:じょう 試合:しあい 畳:じょう 枚:まい 台:だい 番:ばん 番目:ばんめ"
    " 番線:ばんせん 番地:ばんち 倍:ばい 名:めい 名様:めいさま 度:ど"
    " 度目:どめ 問:もん 門:もん 両:りょう 秒:びょう 秒間:びょうかん 号:ごう 号車:ごうしゃ"
    " 号室:ごうしつ 号線:ごうせん 号機:ごうき 話:わ 羽:わ 部:ぶ"
    " 割:わり 次:じ 段:だん 段階:だんかい 代:だい 代目:だいめ 位:い 列:れつ 行:ぎょう 文字:もじ"
    " 語:ご 重:じゅう 便:びん 膳:ぜん 尾:び"
    " 問題:もんだい 輪:りん 面:めん 枠:わく 段落:だんらく 条:じょう 乗り場:のりば 番街:ばんがい"
    " 畳間:じょうま 年度:ねんど 学期:がっき 年代:ねんだい"
    " 通り:とおり",
    "z": "足:そく",
    "t": "頭:とう 通:つう 着:ちゃく 丁目:ちょうめ 点:てん 滴:てき 等:とう 等級:とうきゅう 手:て"
    " 棟:とう 島:とう 町:ちょう 丁:ちょう",
}
_COUNTERS: Mapping[str, tuple[str, str]] = {
    counter: (reading, sound)
    for sound, entries in _CLASSES.items()
    for counter, reading in (entry.split(":") for entry in entries.split())
}
_OWN: Mapping[str, tuple[str, Mapping[int, str]]] = {
    # Counters whose number has another reading: of the last digit, or of the whole number.
    "時": ("じ", {4: "よ", 7: "しち", 9: "く"}),
    "時間": ("じかん", {4: "よ", 7: "なな", 9: "く"}),
    "時半": ("じはん", {4: "よ", 7: "しち", 9: "く"}),
    "時間半": ("じかんはん", {4: "よ", 7: "なな", 9: "く"}),
    "年": ("ねん", {4: "よ"}),
    "年間": ("ねんかん", {4: "よ"}),
    "年生": ("ねんせい", {4: "よ"}),
    "年目": ("ねんめ", {4: "よ"}),
    "円": ("えん", {4: "よ"}),
    "人": ("にん", {4: "よ", 7: "しち"}),
    "人目": ("にんめ", {4: "よ", 7: "しち"}),
    "人前": ("にんまえ", {4: "よ", 7: "しち"}),
    "人組": ("にんぐみ", {4: "よ", 7: "しち"}),
    "月": ("がつ", {4: "し", 7: "しち", 9: "く"}),
    "日": ("にち", {7: "しち", 9: "く"}),
    "日間": ("にちかん", {7: "なな"}),
    "日目": ("にちめ", {7: "しち", 9: "く"}),
}
_DAYS = {2: "ふつか", 3: "みっか", 4: "よっか", 5: "いつか", 6: "むいか", 7: "なのか", 8: "ようか",
         9: "ここのか", 10: "とおか", 20: "はつか"}  # fmt: skip
_THINGS = (
    "",
    "ひとつ",
    "ふたつ",
    "みっつ",
    "よっつ",
    "いつつ",
    "むっつ",
    "ななつ",
    "やっつ",
    "ここのつ",
)
_NATIVE = {
    "箱": "はこ", "袋": "ふくろ", "皿": "さら", "組": "くみ", "粒": "つぶ", "束": "たば",
    "晩": "ばん", "部屋": "へや", "切れ": "きれ", "口": "くち", "株": "かぶ", "房": "ふさ",
}  # fmt: skip
_NATIVE_NUMBERS = {1: "ひと", 2: "ふた"}
_NOUGHT = frozenset({"時", "時半", "度", "点"})
"""Counters before which nought is れい."""

COUNTERS = tuple(sorted({*_COUNTERS, *_OWN, *_NATIVE, "つ"}, key=len, reverse=True))
"""Every counter, the longest first."""


def counted(digits: str, counter: str, is_date: bool = False) -> list[str]:
    """Return number and counter in parts, which are apart where no sound changed.

    `is_date`: 1日 is ついたち, the first of a month, and not いちにち, one day.
    """
    number = int(digits)
    special = _special(number, counter, is_date)
    if special:
        return special
    parts = ["れい"] if number == 0 and counter in _NOUGHT else cardinal(digits)
    if counter in _OWN:
        reading, digits_ = _OWN[counter]
        ones = number % 10
        if ones in digits_:
            parts = [*parts[:-1], digits_[ones]]
        return [*parts, reading]
    if counter in _NATIVE:
        return [*parts, _NATIVE[counter]]
    reading, sound = _COUNTERS[counter]
    return _joined(parts, reading, sound)


def _special(number: int, counter: str, is_date: bool) -> list[str]:
    if counter == "つ":
        return [_THINGS[number]] if 0 < number < 10 else [*cardinal(str(number)), "つ"]
    if counter == "日" and number == 1:
        return ["ついたち"] if is_date else ["いち", "にち"]
    if counter in ("日", "日間", "日目"):
        days = _DAYS.get(number) or {14: "じゅうよっか", 24: "にじゅうよっか"}.get(number, "")
        return [days, *{"日": [], "日間": ["かん"], "日目": ["め"]}[counter]] if days else []
    if counter in ("人", "人目", "人組") and number in (1, 2):
        return [
            "ひとり" if number == 1 else "ふたり",
            *{"人": [], "人目": ["め"]}.get(counter, ["ぐみ"]),
        ]
    if counter in ("歳", "才") and number == 20:
        return ["はたち"]
    if counter in _NATIVE and number in _NATIVE_NUMBERS:
        return [_NATIVE_NUMBERS[number] + _NATIVE[counter]]
    return []


_VOICED = dict(zip("かきくけこさしすせそはひふへほ", "がぎぐげござじずぜぞばびぶべぼ", strict=True))
_HALF = dict(zip("はひふへほ", "ぱぴぷぺぽ", strict=True))
_SHORT = {
    "いち": "いっ", "はち": "はっ", "じゅう": "じゅっ", "ろく": "ろっ", "ひゃく": "ひゃっ",
    "びゃく": "びゃっ", "ぴゃく": "ぴゃっ",
}  # fmt: skip


def _joined(parts: list[str], reading: str, sound: str) -> list[str]:
    """Join the counter to the last part where a sound changes."""
    last = parts[-1]
    if sound == "-":
        return [*parts, reading]
    for long, short in _SHORT.items():
        hard = long in ("ろく", "ひゃく", "びゃく", "ぴゃく")
        if last.endswith(long) and not (hard and sound in "szt"):
            first = _HALF.get(reading[0], reading[0]) if sound in "hf" else reading[0]
            return [*parts[:-1], last.removesuffix(long) + short + first + reading[1:]]
    if last.endswith("ん"):
        return _after_n(parts, reading, sound)
    return [*parts, reading]


def _after_n(parts: list[str], reading: str, sound: str) -> list[str]:
    last, first = parts[-1], reading[0]
    four = last == DIGITS[4]
    if sound == "f":
        return [*parts[:-1], last + _HALF.get(first, first) + reading[1:]]
    voiced = sound == "h" or (sound in "gz" and not last.endswith("まん"))
    if voiced and not four:
        return [*parts[:-1], last + _VOICED.get(first, first) + reading[1:]]
    return [*parts, reading]
