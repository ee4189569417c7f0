"""Symbols that are spoken as words."""

from __future__ import annotations

from collections.abc import Mapping

SIGNS = "&@%#$£°"
"""The symbols that the reference speaks, in the order of the words below."""

WORDS: Mapping[str, tuple[str, ...]] = {
    base: tuple(words.split("|"))
    for base, words in {
        "en": "and|at|percent|hash|dollar|pound|degree",
        "es": "y|arroba|por ciento|numeral|dolar|libra|grados",
        "fr": "et|arobase|pour cent|dièse|dollar|livre|degrés",
        "de": "und|at|prozent|raute|dollar|pfund|grad",
        "pt": "e|arroba|por cento|cardinal|dólar|libra|graus",
        "it": "e|chiocciola|per cento|cancelletto|dollaro|sterlina|gradi",
        "pl": "i|małpa|procent|krzyżyk|dolar|funt|stopnie",
        "ar": "و|على|في المئة|رقم|دولار|جنيه|درجة",
        "zh": "和|在|百分之|号|美元|英镑|度",
        "cs": "a|na|procento|křížek|dolar|libra|stupně",
        "ru": "и|собака|процентов|номер|доллар|фунт|градус",
        "nl": "en|bij|procent|hekje|dollar|pond|graden",
        "tr": "ve|at|yüzde|diyez|dolar|sterlin|derece",
        "hu": "és|kukac|százalék|kettőskereszt|dollár|font|fok",
        "ko": "그리고|에|퍼센트|번호|달러|파운드|도",
        "ja": "アンド|アット|パーセント|シャープ|ドル|ポンド|度",
    }.items()
}

OUR_SIGNS = "+=×÷±€¥"
"""Symbols that the reference passes on, where the vocabulary mostly lacks them."""

OUR_WORDS: Mapping[str, tuple[str, ...]] = {
    base: tuple(words.split("|"))
    for base, words in {
        "en": "plus|equals|times|divided by|plus or minus|euro|yen",
        "es": "más|igual a|por|entre|más o menos|euro|yen",
        "fr": "plus|égale|fois|divisé par|plus ou moins|euro|yen",
        "de": "plus|gleich|mal|geteilt durch|plus minus|euro|yen",
        "pt": "mais|igual a|vezes|dividido por|mais ou menos|euro|iene",
        "it": "più|uguale a|per|diviso|più o meno|euro|yen",
        "pl": "plus|równa się|razy|podzielić przez|plus minus|euro|jen",
        "ar": "زائد|يساوي|في|على|زائد أو ناقص|يورو|ين",
        "zh": "加|等于|乘以|除以|正负|欧元|元",
        "cs": "plus|rovná se|krát|děleno|plus minus|euro|jen",
        "ru": "плюс|равно|умножить на|разделить на|плюс минус|евро|иена",
        "nl": "plus|is|keer|gedeeld door|plus of min|euro|yen",
        "tr": "artı|eşittir|çarpı|bölü|artı eksi|avro|yen",
        "hu": "plusz|egyenlő|szorozva|osztva|plusz mínusz|euró|jen",
        "ko": "더하기|는|곱하기|나누기|플러스 마이너스|유로|엔",
        "ja": "プラス|イコール|かける|わる|プラスマイナス|ユーロ|円",
    }.items()
}

MINUS: Mapping[str, str] = {
    "en": "minus", "es": "menos", "fr": "moins", "de": "minus", "it": "meno", "pt": "menos",
    "pl": "minus", "tr": "eksi", "ru": "минус", "nl": "min", "cs": "minus", "ar": "ناقص",
    "zh": "负", "hu": "mínusz", "ko": "마이너스", "ja": "マイナス",
}  # fmt: skip

NUMBER_SIGN: Mapping[str, str] = {
    "en": "number", "es": "número", "fr": "numéro", "de": "nummer", "it": "numero",
    "pt": "número", "pl": "numer", "tr": "numara", "ru": "номер", "nl": "nummer", "cs": "číslo",
    "ar": "رقم", "zh": "号", "hu": "szám", "ko": "번호", "ja": "ナンバー",
}  # fmt: skip
"""How "#5", "n°5" and "№ 5" begin."""

CELSIUS: Mapping[str, tuple[str, str]] = {
    "en": ("celsius", "fahrenheit"), "es": ("celsius", "fahrenheit"),
    "fr": ("celsius", "fahrenheit"), "de": ("celsius", "fahrenheit"),
    "it": ("celsius", "fahrenheit"), "pt": ("celsius", "fahrenheit"),
    "pl": ("celsjusza", "fahrenheita"), "tr": ("santigrat", "fahrenhayt"),
    "ru": ("цельсия", "фаренгейта"), "nl": ("celsius", "fahrenheit"),
    "cs": ("celsia", "fahrenheita"), "ar": ("مئوية", "فهرنهايت"),
    "hu": ("celsius", "fahrenheit"), "ko": ("", ""), "ja": ("", ""), "zh": ("", ""),
}  # fmt: skip

SCALE_ORDER: Mapping[str, str] = {"hu": "{1}-{0}", "tr": "{1} {0}"}
"""Where the degree does not come first."""

COUNTED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "en": {"°": ("degree", "degrees")},
    "es": {"°": ("grado", "grados")},
    "fr": {"°": ("degré", "degrés")},
    "it": {"°": ("grado", "gradi")},
    "pt": {"°": ("grau", "graus")},
    "nl": {"°": ("graad", "graden")},
    "pl": {"°": ("stopień", "stopnie", "stopni")},
    "cs": {"°": ("stupeň", "stupně", "stupňů"), "%": ("procento", "procenta", "procent")},
    "ru": {
        "°": ("градус", "градуса", "градусов"),
        "%": ("процент", "процента", "процентов"),
    },
}
"""Forms after a number: one and many, or the three Slavic ones."""


def speak_reference(text: str, base: str) -> str:
    """Replace the seven symbols as the reference does."""
    return text.translate(_translation(SIGNS, WORDS[base]))


def speak(text: str, base: str) -> str:
    """Replace every symbol that has a word in the language."""
    signs = _translation(SIGNS, WORDS[base]) | _translation(OUR_SIGNS, OUR_WORDS[base])
    return text.translate(signs)


def _translation(signs: str, words: tuple[str, ...]) -> dict[int, str]:
    return {ord(sign): f" {word} " for sign, word in zip(signs, words, strict=True)}
