"""What units are called: of each the forms after one and after more, the three Slavic ones and the
one after a decimal, or the four Arabic ones (one, two, few, many)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from xtts_lab.text.symbols import AREAS

Forms = tuple[str, ...]

_SIMPLE = "m g l t h min s ha W Wh V Hz B bit cal Ah dB Pa"
_PREFIXED = (
    "km cm mm kg mg ml cl dl hl ms kW MW GW kWh MWh kV kHz MHz GHz kB MB GB TB kbit Mbit Gbit kcal"
    " mAh hPa kPa"
)
_PREFIXES = "kMGTmcdh"

_NAMES: Mapping[str, str] = {
    "en": "metre|metres gram|grams litre|litres tonne|tonnes hour|hours minute|minutes"
    " second|seconds hectare|hectares watt|watts watt~hour|watt~hours volt|volts hertz byte|bytes"
    " bit|bits calorie|calories amp~hour|amp~hours decibel|decibels pascal|pascals",
    "es": "metro|metros gramo|gramos litro|litros tonelada|toneladas hora|horas minuto|minutos"
    " segundo|segundos hectárea|hectáreas vatio|vatios vatio~hora|vatios~hora voltio|voltios"
    " hercio|hercios byte|bytes bit|bits caloría|calorías amperio~hora|amperios~hora"
    " decibelio|decibelios pascal|pascales",
    "fr": "mètre|mètres gramme|grammes litre|litres tonne|tonnes heure|heures minute|minutes"
    " seconde|secondes hectare|hectares watt|watts wattheure|wattheures volt|volts hertz"
    " octet|octets bit|bits calorie|calories ampère-heure|ampères-heure décibel|décibels"
    " pascal|pascals",
    "de": "meter gramm liter tonne|tonnen stunde|stunden minute|minuten sekunde|sekunden hektar"
    " watt"
    " wattstunde|wattstunden volt hertz byte bit kalorie|kalorien amperestunde|amperestunden"
    " dezibel pascal",
    "it": "metro|metri grammo|grammi litro|litri tonnellata|tonnellate ora|ore minuto|minuti"
    " secondo|secondi ettaro|ettari watt wattora volt hertz byte bit caloria|calorie amperora"
    " decibel pascal",
    "pt": "metro|metros grama|gramas litro|litros tonelada|toneladas hora|horas minuto|minutos"
    " segundo|segundos hectare|hectares watt|watts watt-hora|watts-hora volt|volts hertz"
    " byte|bytes bit|bits caloria|calorias ampere-hora|amperes-hora decibel|decibéis"
    " pascal|pascais",
    "pl": "metr|metry|metrów|metra gram|gramy|gramów|grama litr|litry|litrów|litra"
    " tona|tony|ton|tony godzina|godziny|godzin|godziny minuta|minuty|minut|minuty"
    " sekunda|sekundy|sekund|sekundy hektar|hektary|hektarów|hektara wat|waty|watów|wata"
    " watogodzina|watogodziny|watogodzin|watogodziny wolt|wolty|woltów|wolta"
    " herc|herce|herców|herca bajt|bajty|bajtów|bajta bit|bity|bitów|bita"
    " kaloria|kalorie|kalorii|kalorii amperogodzina|amperogodziny|amperogodzin|amperogodziny"
    " decybel|decybele|decybeli|decybela paskal|paskale|paskali|paskala",
    "tr": "metre gram litre ton saat dakika saniye hektar vat vatsaat volt hertz bayt bit kalori"
    " ampersaat desibel paskal",
    "ru": "метр|метра|метров грамм|грамма|граммов литр|литра|литров тонна|тонны|тонн"
    " час|часа|часов минута|минуты|минут секунда|секунды|секунд гектар|гектара|гектаров"
    " ватт|ватта|ватт ватт-час|ватт-часа|ватт-часов вольт|вольта|вольт герц|герца|герц"
    " байт|байта|байт бит|бита|бит калория|калории|калорий ампер-час|ампер-часа|ампер-часов"
    " децибел|децибела|децибел паскаль|паскаля|паскалей",
    "nl": "meter gram liter ton uur minuut|minuten seconde|seconden hectare watt wattuur volt hertz"
    " byte bit calorie|calorieën ampère-uur decibel pascal",
    "cs": "metr|metry|metrů|metru gram|gramy|gramů|gramu litr|litry|litrů|litru tuna|tuny|tun|tuny"
    " hodina|hodiny|hodin|hodiny minuta|minuty|minut|minuty sekunda|sekundy|sekund|sekundy"
    " hektar|hektary|hektarů|hektaru watt|watty|wattů|wattu"
    " watthodina|watthodiny|watthodin|watthodiny volt|volty|voltů|voltu"
    " hertz|hertzy|hertzů|hertzu bajt|bajty|bajtů|bajtu bit|bity|bitů|bitu"
    " kalorie|kalorie|kalorií|kalorie ampérhodina|ampérhodiny|ampérhodin|ampérhodiny"
    " decibel|decibely|decibelů|decibelu pascal|pascaly|pascalů|pascalu",
    "ar": "متر|متران|أمتار|متراً غرام|غرامان|غرامات|غراماً لتر|لتران|لترات|لتراً طن|طنان|أطنان|طناً"
    " ساعة|ساعتان|ساعات|ساعة دقيقة|دقيقتان|دقائق|دقيقة ثانية|ثانيتان|ثوانٍ|ثانية"
    " هكتار|هكتاران|هكتارات|هكتاراً واط|واطان|واط|واط واط~ساعة فولت هرتز بايت بت"
    " سعرة|سعرتان|سعرات|سعرة أمبير~ساعة ديسيبل باسكال",
    "zh": "米 克 升 吨 小时 分钟 秒 公顷 瓦 瓦时 伏 赫兹 B bit 卡 安时 分贝 帕",
    "hu": "méter gramm liter tonna óra perc másodperc hektár watt wattóra volt hertz bájt bit"
    " kalória"
    " amperóra decibel pascal",
    "ko": "미터 그램 리터 톤 시간 분 초 헥타르 와트 와트시 볼트 헤르츠 바이트 비트 칼로리 암페어시"
    " 데시벨 파스칼",
    "ja": "メートル グラム リットル トン 時間 分 秒 ヘクタール ワット ワット時 ボルト ヘルツ バイト"
    " ビット カロリー アンペア時 デシベル パスカル",
}
"""In the order of _SIMPLE; "~" is a space."""
_PREFIX_NAMES: Mapping[str, str] = {
    "en": "kilo mega giga tera milli centi deci hecto",
    "es": "kilo mega giga tera mili centi deci hecto",
    "fr": "kilo méga giga téra milli centi déci hecto",
    "de": "kilo mega giga tera milli zenti dezi hekto",
    "it": "chilo mega giga tera milli centi deci etto",
    "pt": "quilo mega giga tera mili centi deci hecto",
    "pl": "kilo mega giga tera mili centy decy hekto",
    "tr": "kilo mega giga tera mili santi desi hekto",
    "ru": "кило мега гига тера милли санти деци гекто",
    "nl": "kilo mega giga tera milli centi deci hecto",
    "cs": "kilo mega giga tera mili centi deci hekto",
    "ar": "كيلو ميغا غيغا تيرا ملي سنتي ديسي هكتو",
    "zh": "千 兆 吉 太 毫 厘 分 百", "hu": "kilo mega giga tera milli centi deci hekto",
    "ko": "킬로 메가 기가 테라 밀리 센티 데시 헥토",
    "ja": "キロ メガ ギガ テラ ミリ センチ デシ ヘクト",
}  # fmt: skip
_OWN: Mapping[str, str] = {
    "en": "lb=pound|pounds oz=ounce|ounces mi=mile|miles yd=yard|yards gal=gallon|gallons"
    " tsp=teaspoon|teaspoons tbsp=tablespoon|tablespoons hp=horsepower ft=foot|feet"
    " mph=mile~per~hour|miles~per~hour sq~ft=square~foot|square~feet"
    " sq~m=square~metre|square~metres sq~km=square~kilometre|square~kilometres",
    "es": "km=kilómetro|kilómetros cm=centímetro|centímetros mm=milímetro|milímetros"
    " CV=caballo|caballos",
    "de": "PS=PS EL=esslöffel TL=teelöffel Stk=stück",
    "it": "mq=metro~quadrato|metri~quadrati kmq=chilometro~quadrato|chilometri~quadrati"
    " mc=metro~cubo|metri~cubi CV=cavallo|cavalli kB=kilobyte hg=etto|etti"
    " kHz=kilohertz",
    "pt": "km=quilômetro|quilômetros cm=centímetro|centímetros mm=milímetro|milímetros"
    " kB=kilobyte|kilobytes cv=cavalo|cavalos",
    "pl": "m~kw=metr~kwadratowy|metry~kwadratowe|metrów~kwadratowych|metra~kwadratowego"
    " mkw=metr~kwadratowy|metry~kwadratowe|metrów~kwadratowych|metra~kwadratowego"
    " szt=sztuka|sztuki|sztuk|sztuki dag=dekagram|dekagramy|dekagramów|dekagrama"
    " KM=koń~mechaniczny|konie~mechaniczne|koni~mechanicznych"
    " os=osoba|osoby|osób|osoby",
    "ru": "шт=штука|штуки|штук чел=человек|человека|человек"
    " л.с=лошадиная~сила|лошадиные~силы|лошадиных~сил"
    " л.~с=лошадиная~сила|лошадиные~силы|лошадиных~сил"
    " кв.~м=квадратный~метр|квадратных~метра|квадратных~метров"
    " кв.м=квадратный~метр|квадратных~метра|квадратных~метров"
    " кв.~км=квадратный~километр|квадратных~километра|квадратных~километров"
    " куб.~м=кубический~метр|кубических~метра|кубических~метров",
    "nl": "pk=pk",
    "cs": "ks=kus|kusy|kusů|kusu dkg=deka dag=deka",
    "hu": "db=darab dkg=deka LE=lóerő",
    "ar": "km=كيلومتر|كيلومتران|كيلومترات|كيلومتراً cm=سنتيمتر|سنتيمتران|سنتيمترات|سنتيمتراً"
    " mm=مليمتر|مليمتران|مليمترات|مليمتراً mAh=مللي~أمبير~ساعة"
    " kcal=سعرة~حرارية|سعرتان~حراريتان|سعرات~حرارية|سعرة~حرارية",
    "zh": "km=公里 kg=公斤",
    "ja": "㌔=キロ",
}
_ALIASES: Mapping[str, str] = {
    "": "Km=km KM=km Kg=kg KG=kg Cm=cm CM=cm mL=ml ML=ml Ml=ml L=l cL=cl dL=dl KW=kW Kw=kW kw=kW"
    " KWh=kWh kwh=kWh KWH=kWh Kwh=kWh hz=Hz HZ=Hz KHz=kHz khz=kHz Mhz=MHz mhz=MHz MHZ=MHz"
    " Ghz=GHz ghz=GHz GHZ=GHz KB=kB kb=kB Gb=GB gb=GB mb=MB tb=TB Kcal=kcal KCAL=kcal mah=mAh"
    " mps=m/s kmh=km/h kph=km/h kbps=kbit/s Mbps=Mbit/s mbps=Mbit/s Gbps=Gbit/s MBps=MB/s",
    "en": "hr=h hrs=h mins=min sec=s secs=s lbs=lb yds=yd kms=km kgs=kg sq.~ft=sq~ft",
    "es": "hs=h hrs=h seg=s gr=g grs=g kms=km kgs=kg lt=l lts=l",
    "fr": "ko=kB Ko=kB Mo=MB Go=GB To=TB mn=min sec=s gr=g",
    "de": "Std=h Min=min Sek=s Sec=s sec=s Stck=Stk",
    "it": "sec=s gr=g lt=l",
    "pt": "hs=h hrs=h seg=s gr=g",
    "pl": "godz=h sek=s dkg=dag",
    "tr": "dk=min sn=s sa=h gr=g lt=l",
    "ru": "км=km см=cm мм=mm м=m кг=kg г=g гр=g мг=mg т=t л=l мл=ml ч=h час=h мин=min сек=s с=s"
    " мс=ms"
    " га=ha Вт=W кВт=kW МВт=MW ГВт=GW кВтч=kWh кВт·ч=kWh кВт*ч=kWh кВт-ч=kWh В=V Гц=Hz кГц=kHz"
    " МГц=MHz ГГц=GHz КБ=kB Кб=kB МБ=MB Мб=MB мб=MB ГБ=GB Гб=GB гб=GB ТБ=TB Тб=TB Мбит=Mbit"
    " Гбит=Gbit кбит=kbit дБ=dB ккал=kcal мАч=mAh мА·ч=mAh",
    "nl": "u=h uur=h sec=s",
    "cs": "hod=h sek=s",
    "hu": "mp=s p=min",
    "ar": "كم=km سم=cm مم=mm م=m كغ=kg كغم=kg كجم=kg كلغ=kg غ=g غم=g جم=g ملغ=mg ملغم=mg مجم=mg"
    " مل=ml"
    " س=h ساعة=h ث=s ثانية=s",
    "ja": "ｍ=m",
}
_ONLY_BELOW: Mapping[str, str] = {
    "ru": "час", "nl": "uur", "ar": "س ساعة ث ثانية", "hu": "p",
}  # fmt: skip
"""What is no unit of its own after a figure, but stands below a slash."""


def symbols(base: str) -> Mapping[str, str]:
    """Map everything that is written for a unit in a language to our name of it."""
    found = {symbol: symbol for symbol in f"{_SIMPLE} {_PREFIXED}".split()}
    del found["B"], found["bit"], found["cal"], found["Ah"], found["Pa"]
    found |= _table(_ALIASES[""])
    found |= {name: name for name in _table(_OWN.get(base, ""))}
    for written, unit in _table(_ALIASES.get(base, "")).items():
        found[written] = unit.replace("~", " ")
    if base == "zh":  # 16GB is said in letters
        found = {
            key: unit
            for key, unit in found.items()
            if not re.search("(?:B|bit)(?!.)|bit/", unit) or unit == "dB"
        }
    return found


def only_below(base: str) -> frozenset[str]:
    """Return what is written for a unit below a slash alone: км/час."""
    return frozenset(_ONLY_BELOW.get(base, "").split())


@cache
def forms(unit: str, base: str) -> Forms:
    """Return the forms of a unit: ("km", "en") is kilometre, kilometres."""
    own = _table(_OWN.get(base, ""))
    if unit in own:
        return _forms(own[unit], base)
    names = dict(zip(_SIMPLE.split(), _NAMES[base].split(), strict=True))
    if unit in names:
        return _forms(names[unit], base)
    prefix = dict(zip(_PREFIXES, _PREFIX_NAMES[base].split(), strict=True))[unit[0]]
    return _forms("|".join(prefix + form for form in names[unit[1:]].split("|")), base)


def area(unit: str, base: str) -> str:
    """Return what one "m²" or "m³" is called."""
    square, cubic, names = AREAS[base]
    template = (square if unit[-1] == "²" else cubic).split("|")[0]
    return template.format(names[0].split("|")[0])


def all_forms(base: str) -> list[Forms]:
    """Return the forms of every unit that a language has."""
    return [forms(unit, base) for unit in {*symbols(base).values()} if "/" not in unit]


def _forms(names: str, base: str) -> Forms:
    parts = [name.replace("~", " ") for name in names.split("|")]
    return tuple(name.capitalize() if base == "de" and name != "PS" else name for name in parts)


@cache
def _table(entries: str) -> dict[str, str]:
    parts = (entry.replace("~", " ").partition("=") for entry in entries.split())
    return {short: full.replace(" ", "~") for short, _, full in parts}
