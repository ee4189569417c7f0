"""Symbols that are spoken as words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from xtts_lab.text.numbers.numerals import plural

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

OUR_SIGNS = "+=×÷±≥≤≈≠><§π√∞‰²³^"
"""Symbols that the reference passes on, where the vocabulary mostly lacks them."""

OUR_WORDS: Mapping[str, tuple[str, ...]] = {
    base: tuple(words.split("|"))
    for base, words in {
        "en": "plus|equals|times|divided by|plus or minus|greater than or equal to"
        "|less than or equal to|approximately|not equal to|greater than|less than|section|pi"
        "|square root of|infinity|per mille|squared|cubed|to the power of",
        "es": "más|igual a|por|entre|más o menos|mayor o igual que|menor o igual que"
        "|aproximadamente"
        "|distinto de|mayor que|menor que|sección|pi|raíz cuadrada de|infinito|por mil|al cuadrado"
        "|al cubo|elevado a",
        "fr": "plus|égale|fois|divisé par|plus ou moins|supérieur ou égal à|inférieur ou égal à"
        "|environ|différent de|supérieur à|inférieur à|paragraphe|pi|racine carrée de|infini"
        "|pour mille|au carré|au cube|puissance",
        "de": "plus|gleich|mal|geteilt durch|plus minus|größer oder gleich|kleiner oder gleich"
        "|ungefähr|ungleich|größer als|kleiner als|paragraf|pi|wurzel aus|unendlich|promille"
        "|quadrat|hoch drei|hoch",
        "pt": "mais|igual a|vezes|dividido por|mais ou menos|maior ou igual a|menor ou igual a"
        "|aproximadamente|diferente de|maior que|menor que|parágrafo|pi|raiz quadrada de|infinito"
        "|por mil|ao quadrado|ao cubo|elevado a",
        "it": "più|uguale a|per|diviso|più o meno|maggiore o uguale a|minore o uguale a|circa"
        "|diverso da|maggiore di|minore di|paragrafo|pi greco|radice quadrata di|infinito|per mille"
        "|al quadrato|al cubo|elevato a",
        "pl": "plus|równa się|razy|podzielić przez|plus minus|większe lub równe|mniejsze lub równe"
        "|około|różne od|większe niż|mniejsze niż|paragraf|pi|pierwiastek z|nieskończoność|promil"
        "|do kwadratu|do sześcianu|do potęgi",
        "ar": "زائد|يساوي|في|على|زائد أو ناقص|أكبر من أو يساوي|أصغر من أو يساوي|حوالي|لا يساوي"
        "|أكبر من|أصغر من|البند|باي|الجذر التربيعي ل|ما لا نهاية|في الألف|تربيع|تكعيب|أس",
        "zh": "加|等于|乘以|除以|正负|大于等于|小于等于|约|不等于|大于|小于|第|派|根号|无穷大"
        "|千分之"
        "|的平方|的立方|的幂",
        "cs": "plus|rovná se|krát|děleno|plus minus|větší nebo rovno|menší nebo rovno|přibližně"
        "|nerovná se|větší než|menší než|paragraf|pí|odmocnina z|nekonečno|promile|na druhou"
        "|na třetí|na",
        "ru": "плюс|равно|умножить на|разделить на|плюс минус|больше или равно|меньше или равно"
        "|примерно|не равно|больше|меньше|параграф|пи|корень из|бесконечность|промилле"
        "|в квадрате|в кубе|в степени",
        "nl": "plus|is|keer|gedeeld door|plus of min|groter dan of gelijk aan"
        "|kleiner dan of gelijk aan|ongeveer|niet gelijk aan|groter dan|kleiner dan|paragraaf|pi"
        "|wortel van|oneindig|promille|kwadraat|tot de derde|tot de macht",
        "tr": "artı|eşittir|çarpı|bölü|artı eksi|büyük eşittir|küçük eşittir|yaklaşık"
        "|eşit değildir|büyüktür|küçüktür|paragraf|pi|karekök|sonsuz|binde|kare|küp|üzeri",
        "hu": "plusz|egyenlő|szorozva|osztva|plusz mínusz|nagyobb vagy egyenlő mint"
        "|kisebb vagy egyenlő mint|körülbelül|nem egyenlő|nagyobb mint|kisebb mint|paragrafus|pi"
        "|négyzetgyök|végtelen|ezrelék|a négyzeten|a köbön|hatvány",
        "ko": "더하기|는|곱하기|나누기|플러스 마이너스|크거나 같다|작거나 같다|약|같지 않다"
        "|보다 크다"
        "|보다 작다|제|파이|루트|무한대|퍼밀|제곱|세제곱|의 거듭제곱",
        "ja": "プラス|イコール|かける|わる|プラスマイナス|大なりイコール|小なりイコール|約"
        "|ノットイコール|大なり|小なり|セクション|パイ|ルート|無限大|パーミル|の二乗|の三乗|の累乗",
    }.items()
}

AREAS: Mapping[str, tuple[str, str, tuple[str, str, str]]] = {
    "en": ("square {}", "cubic {}",
           ("metre|metres", "kilometre|kilometres", "centimetre|centimetres")),
    "es": ("{} cuadrado|{} cuadrados", "{} cúbico|{} cúbicos",
           ("metro|metros", "kilómetro|kilómetros", "centímetro|centímetros")),
    "fr": ("{} carré|{} carrés", "{} cube|{} cubes",
           ("mètre|mètres", "kilomètre|kilomètres", "centimètre|centimètres")),
    "de": ("Quadrat{}", "Kubik{}", ("meter", "kilometer", "zentimeter")),
    "it": ("{} quadrato|{} quadrati", "{} cubo|{} cubi",
           ("metro|metri", "chilometro|chilometri", "centimetro|centimetri")),
    "pt": ("{} quadrado|{} quadrados", "{} cúbico|{} cúbicos",
           ("metro|metros", "quilômetro|quilômetros", "centímetro|centímetros")),
    "pl": ("{} kwadratowy|{} kwadratowe|{} kwadratowych",
           "{} sześcienny|{} sześcienne|{} sześciennych",
           ("metr|metry|metrów", "kilometr|kilometry|kilometrów",
            "centymetr|centymetry|centymetrów")),
    "tr": ("{}kare", "{}küp", ("metre", "kilometre", "santimetre")),
    "ru": ("квадратный {}|квадратных {}|квадратных {}",
           "кубический {}|кубических {}|кубических {}",
           ("метр|метра|метров", "километр|километра|километров",
            "сантиметр|сантиметра|сантиметров")),
    "nl": ("vierkante {}", "kubieke {}", ("meter", "kilometer", "centimeter")),
    "cs": ("{} čtvereční|{} čtvereční|{} čtverečních",
           "{} krychlový|{} krychlové|{} krychlových",
           ("metr|metry|metrů", "kilometr|kilometry|kilometrů",
            "centimetr|centimetry|centimetrů")),
    "ar": ("{} مربع", "{} مكعب", ("متر", "كيلومتر", "سنتيمتر")),
    "zh": ("平方{}", "立方{}", ("米", "公里", "厘米")),
    "hu": ("négyzet{}", "köb{}", ("méter", "kilométer", "centiméter")),
    "ko": ("제곱{}", "세제곱{}", ("미터", "킬로미터", "센티미터")),
    "ja": ("平方{}", "立方{}", ("メートル", "キロメートル", "センチメートル")),
}  # fmt: skip
"""Square and cubic, of m, km and cm: the form after every number, the two after one and after more,
or the three Slavic ones."""

MINUS: Mapping[str, str] = {
    "en": "minus", "es": "menos", "fr": "moins", "de": "minus", "it": "meno", "pt": "menos",
    "pl": "minus", "tr": "eksi", "ru": "минус", "nl": "min", "cs": "minus", "ar": "ناقص",
    "zh": "负", "hu": "mínusz", "ko": "마이너스", "ja": "マイナス",
}  # fmt: skip

RANGE_WORDS: Mapping[str, str] = {
    "en": "to", "es": "a", "fr": "à", "de": "bis", "it": "a", "pt": "a", "pl": "do", "tr": "ila",
    "ru": "до", "nl": "tot", "cs": "až", "ar": "إلى", "hu": "-", "ko": "에서", "ja": "から",
    "zh": "到",
}  # fmt: skip
"""What is said between the ends of a range."""

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
    "pl": {"°": ("stopień", "stopnie", "stopni", "stopnia")},
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


_ANY_SIGN = re.compile(f"([{re.escape(SIGNS + OUR_SIGNS)}])(?:[ ]*(?=[,.;:!?…)»”،؛؟]))?")


def speak(text: str, base: str) -> str:
    """Replace every symbol that has a word in the language; no space before a closing mark."""
    text = re.sub(r"§\s?§", "paragrafen " if base == "de" else "§", text)
    words = _words(base)
    return _ANY_SIGN.sub(lambda match: _spoken(words[ord(match[1])], match), text)


@cache
def _words(base: str) -> Mapping[int, str]:
    return _translation(SIGNS, WORDS[base]) | _translation(OUR_SIGNS, OUR_WORDS[base])


def _spoken(word: str, match: re.Match[str]) -> str:
    """The word between spaces, but for the inner side of brackets and before closing marks."""
    before = match.string[match.start() - 1 : match.start()] if match.start() else ""
    after = match.string[match.end() : match.end() + 1]
    word = word.lstrip() if before and before in "(«“„" else word
    return word.rstrip() if after and after in ",.;:!?…)»”،؛؟" else word


def word_of(sign: str, base: str) -> str:
    """Return how one of our signs is spoken."""
    return OUR_WORDS[base][OUR_SIGNS.index(sign)]


def areas(text: str, base: str) -> str:
    """Replace "m²", "km³" and the like by words; units without an exponent stay letters."""
    square, cubic, names = AREAS[base]

    def read(match: re.Match[str]) -> str:
        forms = names["mkcmкс".index(match[1].lower() or "m") % 3].split("|")
        kinds = (square if match[2] == "²" else cubic).split("|")
        before = re.search(r"(?<![\d.,])(\d[\d.,]*)$", match.string[: match.start()].rstrip())
        number = before[1] if before and before[1].isdigit() else "2,5" if before else "5"
        words = _counted(kinds, number, base).format(_counted(forms, number, base))
        tight = base in ("zh", "ja", "ko")
        after = match.string[match.end() : match.end() + 1]
        return words if tight else f" {words}" + (" " if after.isalnum() else "")

    text = re.sub(
        "(?<![^\\W\\d_])(ك|س)?م(?=[²³])", lambda m: {"ك": "k", "س": "c"}.get(m[1], "") + "m", text
    )
    return re.sub(r"\s?(?<![^\W\d_])([kKcкКс]?)[mм]([²³])", read, text)


def _counted(forms: list[str], number: str, base: str) -> str:
    """Choose a form after a number; a fraction has that of a few, in Polish and Czech of many."""
    if not number.isdigit():
        return forms[-1] if base != "ru" else forms[len(forms) // 2]
    return plural(int(number[-9:]), tuple(forms), base)


def _translation(signs: str, words: tuple[str, ...]) -> dict[int, str]:
    return {ord(sign): f" {word} " for sign, word in zip(signs, words, strict=True)}
