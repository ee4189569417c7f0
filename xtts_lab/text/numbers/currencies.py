"""Currencies: their signs and codes, and what they are called when an amount is read aloud.

The frequent ones have the short names that people say ("dollars", not "US dollars"); every other
name, with its plural forms, is the one of Unicode's CLDR, read through Babel.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

SIGNS: Mapping[str, str] = {
    "$": "USD", "£": "GBP", "€": "EUR", "¥": "JPY", "￥": "JPY", "₩": "KRW", "₽": "RUB", "₹": "INR",
    "₨": "PKR", "₺": "TRY", "₪": "ILS", "₫": "VND", "₴": "UAH", "฿": "THB", "₦": "NGN", "₱": "PHP",
    "₸": "KZT", "₾": "GEL", "₼": "AZN", "֏": "AMD", "؋": "AFN", "৳": "BDT", "૱": "INR", "௹": "LKR",
    "៛": "KHR", "₭": "LAK", "₮": "MNT", "₡": "CRC", "₲": "PYG", "₵": "GHS", "₿": "BTC", "﷼": "IRR",
    "₣": "FRF", "₤": "ITL", "₧": "ESP", "₯": "GRD", "₳": "ARA", "₢": "BRC", "₠": "XEU", "⃀": "KGS",
    "߾": "GNF", "₰": "DEM", "¢": "¢",
}  # fmt: skip
"""Signs of Unicode's category Sc that one currency reads; "¢" is a hundredth."""

PREFIXED: Mapping[str, str] = {
    "US$": "USD", "U$": "USD", "HK$": "HKD", "NT$": "TWD", "AU$": "AUD", "A$": "AUD", "CA$": "CAD",
    "C$": "CAD", "NZ$": "NZD", "SG$": "SGD", "S$": "SGD", "R$": "BRL", "MX$": "MXN", "Mex$": "MXN",
    "AR$": "ARS", "CLP$": "CLP", "COL$": "COP", "BZ$": "BZD", "J$": "JMD", "TT$": "TTD",
    "CN¥": "CNY",
    "RMB": "CNY", "JP¥": "JPY", "RM": "MYR", "Rp": "IDR", "S/": "PEN", "Rs.": "INR",
    "Rs": "INR", "E£": "EGP", "£E": "EGP", "IR£": "IEP", "zł": "PLN", "Kč": "CZK",
}  # fmt: skip
"""Signs with letters, which serve every language."""

CODES = frozenset(
    [
        "USD",
        "EUR",
        "GBP",
        "JPY",
        "CNY",
        "KRW",
        "RUB",
        "INR",
        "TRY",
        "ILS",
        "VND",
        "UAH",
        "THB",
        "NGN",
        "PHP",
        "CHF",
        "SEK",
        "NOK",
        "DKK",
        "ISK",
        "PLN",
        "CZK",
        "HUF",
        "RON",
        "BGN",
        "BRL",
        "MXN",
        "ARS",
        "CLP",
        "COP",
        "PEN",
        "CAD",
        "AUD",
        "NZD",
        "HKD",
        "TWD",
        "SGD",
        "MYR",
        "IDR",
        "ZAR",
        "AED",
        "SAR",
        "EGP",
        "KWD",
        "QAR",
        "BHD",
        "JOD",
        "MAD",
        "DZD",
        "TND",
        "IQD",
        "IRR",
        "PKR",
        "BDT",
        "LKR",
        "KZT",
        "GEL",
        "AZN",
        "AMD",
        "UZS",
        "KES",
        "GHS",
        "ETB",
        "TZS",
        "UGX",
        "XAF",
        "XOF",
        "RSD",
        "BTC",
    ]
)
_LOCAL: Mapping[str, Mapping[str, str]] = {
    "pl": {"zł": "PLN", "zl": "PLN", "gr": "grosz"},
    "cs": {"Kč": "CZK", "Kčs": "CZK"},
    "hu": {"Ft": "HUF"},
    "tr": {"TL": "TRY"},
    "ru": {"руб.": "RUB", "руб": "RUB", "р.": "RUB", "грн": "UAH", "грн.": "UAH", "коп.": "kopeck"},
    "de": {"Fr.": "CHF", "SFr.": "CHF"},
    "fr": {"FF": "FRF"},
    "zh": {"¥": "CNY", "￥": "CNY"},
}  # fmt: skip

# Singular and plural, or the Slavic one, few, many, or the Arabic singular, dual, plural and
# accusative; then the same of the hundredth.
_NAMES: Mapping[str, str] = {
    "en": "USD dollar|dollars:cent|cents; EUR euro|euros:cent|cents; GBP pound|pounds:penny|pence;"
    " JPY yen; KRW won; RUB ruble|rubles:kopeck|kopecks; INR rupee|rupees:paisa|paise;"
    " TRY lira|lira:kuruş; CNY yuan:fen; BRL real|reais:centavo|centavos; ¢ cent|cents;"
    " BTC bitcoin|bitcoins; PKR rupee|rupees; ILS shekel|shekels:agora|agorot; PHP peso"
    "|pesos:centavo|centavos;"
    " THB baht; NGN naira:kobo; VND dong; UAH hryvnia; CHF swiss franc"
    "|swiss francs:centime|centimes",
    "es": "USD dólar|dólares:centavo|centavos; EUR euro|euros:céntimo|céntimos; GBP libra"
    "|libras:penique|peniques;"
    " JPY yen|yenes; KRW won|wones; RUB rublo|rublos:kopek|kopeks; INR rupia|rupias; TRY lira"
    "|liras;"
    " CNY yuan|yuanes; ¢ centavo|centavos; BTC bitcoin|bitcoins; PKR rupia|rupias; ILS séquel"
    "|séqueles",
    "fr": "USD dollar|dollars:cent|cents; EUR euro|euros:centime|centimes; GBP livre"
    "|livres:penny|pence;"
    " JPY yen|yens; KRW won|wons; RUB rouble|roubles:kopeck|kopecks; INR roupie|roupies; TRY"
    " livre turque|livres turques;"
    " CNY yuan|yuans; ¢ cent|cents; BTC bitcoin|bitcoins; PKR roupie|roupies; CHF franc"
    "|francs:centime|centimes",
    "de": "USD dollar:cent; EUR euro:cent; GBP pfund:penny|pence; JPY yen; KRW won; RUB"
    " rubel:kopeke|kopeken;"
    " INR rupie|rupien; TRY lira:kuruş; CNY yuan; ¢ cent; BTC bitcoin; PKR rupie|rupien; CHF"
    " franken:rappen",
    "it": "USD dollaro|dollari:centesimo|centesimi; EUR euro:centesimo|centesimi; GBP sterlina"
    "|sterline:penny;"
    " JPY yen; KRW won; RUB rublo|rubli:copeco|copechi; INR rupia|rupie; TRY lira turca|lire"
    " turche; CNY yuan;"
    " ¢ centesimo|centesimi; BTC bitcoin; PKR rupia|rupie; ITL lira|lire",
    "pt": "USD dólar|dólares:cêntimo|cêntimos; EUR euro|euros:cêntimo|cêntimos; GBP libra"
    "|libras:péni|pence;"
    " JPY iene|ienes; BRL real|reais:centavo|centavos; KRW won|wons; RUB rublo|rublos:copeque"
    "|copeques;"
    " INR rupia|rupias; TRY lira|liras; CNY yuan|yuans; ¢ cêntimo|cêntimos; BTC bitcoin"
    "|bitcoins; PKR rupia|rupias",
    "nl": "USD dollar:cent; EUR euro:cent; GBP pond:penny|pence; JPY yen; KRW won; RUB"
    " roebel:kopeke|kopeken;"
    " INR roepie; TRY lira; CNY yuan; ¢ cent; BTC bitcoin; PKR roepie; CHF frank:rappen",
    "pl": "USD dolar|dolary|dolarów:cent|centy|centów; EUR euro:cent|centy|centów; GBP funt"
    "|funty|funtów:pens|pensy|pensów;"
    " JPY jen|jeny|jenów; PLN złoty|złote|złotych:grosz|grosze|groszy; KRW won|wony|wonów; RUB"
    " rubel|ruble|rubli:kopiejka|kopiejki|kopiejek;"
    " INR rupia|rupie|rupii; TRY lira|liry|lir; CNY juan|juany|juanów; ¢ cent|centy|centów; BTC"
    " bitcoin|bitcoiny|bitcoinów;"
    " CHF frank|franki|franków; PKR rupia|rupie|rupii; grosz grosz|grosze|groszy",
    "tr": "USD dolar:sent; EUR avro:sent; GBP sterlin:peni; JPY yen; TRY lira:kuruş; KRW won;"
    " RUB ruble:kopek;"
    " INR rupi; CNY yuan; ¢ sent; BTC bitcoin; PKR rupi; CHF frank",
    "ru": "USD доллар|доллара|долларов:цент|цента|центов; EUR евро:цент|цента|центов; GBP фунт"
    "|фунта|фунтов:пенс|пенса|пенсов;"
    " JPY иена|иены|иен; RUB рубль|рубля|рублей:копейка|копейки|копеек; KRW вона|воны|вон; INR"
    " рупия|рупии|рупий;"
    " TRY лира|лиры|лир; CNY юань|юаня|юаней; UAH гривна|гривны|гривен:копейка|копейки|копеек;"
    " ¢ цент|цента|центов;"
    " BTC биткоин|биткоина|биткоинов; CHF франк|франка|франков; kopeck копейка"
    "|копейки|копеек; PKR рупия|рупии|рупий; KZT тенге",
    "cs": "USD dolar|dolary|dolarů:cent|centy|centů; EUR euro|eura|eur:cent|centy|centů; GBP"
    " libra|libry|liber:penny|pence|pencí;"
    " JPY jen|jeny|jenů; CZK koruna|koruny|korun:haléř|haléře|haléřů; KRW won|wony|wonů; RUB"
    " rubl|rubly|rublů:kopejka|kopejky|kopejek;"
    " INR rupie|rupie|rupií; TRY lira|liry|lir; CNY jüan|jüany|jüanů; ¢ cent|centy|centů; BTC"
    " bitcoin|bitcoiny|bitcoinů;"
    " CHF frank|franky|franků; PKR rupie|rupie|rupií",
    "hu": "USD dollár:cent; EUR euró:cent; GBP font:penny; JPY jen; HUF forint:fillér; KRW von;"
    " RUB rubel:kopek; INR rúpia;"
    " TRY líra; CNY jüan; ¢ cent; BTC bitcoin; PKR rúpia; CHF frank",
    "ko": "USD 달러:센트; EUR 유로:센트; GBP 파운드:펜스; JPY 엔; KRW 원; RUB 루블; INR 루피;"
    " TRY 리라; CNY 위안; ¢ 센트; BTC 비트코인;"
    " PKR 루피; CHF 프랑; VND 동; THB 바트; ILS 셰켈; PHP 페소",
    "ja": "USD ドル:セント; EUR ユーロ:セント; GBP ポンド:ペンス; JPY 円; KRW ウォン; RUB"
    " ルーブル; INR ルピー; TRY リラ; CNY 元; ¢ セント;"
    " BTC ビットコイン; PKR ルピー; CHF フラン; VND ドン; THB バーツ; ILS シェケル; PHP ペソ;"
    " UAH フリヴニャ",
    "zh": "USD 美元; EUR 欧元; GBP 英镑; JPY 日元; CNY 元; KRW 韩元; RUB 卢布; INR 卢比; TRY"
    " 里拉; ¢ 美分; BTC 比特币;"
    " PKR 卢比; TWD 新台币",
    "ar": "USD دولار|دولاران|دولارات|دولاراً:سنت|سنتان|سنتات|سنتاً; EUR يورو:سنت|سنتان|سنتات|سنتاً;"
    " GBP جنيه|جنيهان|جنيهات|جنيهاً:بنس|بنسان|بنسات|بنساً; JPY ين; KRW وون; RUB روبل; INR روبية;"
    " TRY ليرة; CNY يوان;"
    " ¢ سنت|سنتان|سنتات|سنتاً; BTC بيتكوين; PKR روبية; SAR ريال|ريالان|ريالات|ريالاً; EGP جنيه"
    "|جنيهان|جنيهات|جنيهاً",
}  # fmt: skip
_HUNDREDTHS: Mapping[str, str] = {
    "en": "cent|cents", "es": "centavo|centavos", "fr": "cent|cents", "de": "cent",
    "it": "centesimo|centesimi", "pt": "centavo|centavos", "nl": "cent", "pl": "cent|centy|centów",
    "tr": "sent", "ru": "цент|цента|центов", "cs": "cent|centy|centů", "hu": "cent", "ko": "센트",
    "ja": "セント", "zh": "", "ar": "سنت|سنتان|سنتات|سنتاً",
}  # fmt: skip
_DOLLARS = frozenset({"HKD", "AUD", "CAD", "NZD", "SGD", "TWD"})

Forms = tuple[str, ...]


@cache
def signs(base: str) -> Mapping[str, str]:
    """Return every sign and code that a language's texts may have, with its currency."""
    codes = {code: code for code in CODES}
    return {**SIGNS, **PREFIXED, **codes, **_LOCAL.get(base, {})}


@cache
def pattern(base: str) -> str:
    """Return a pattern of the signs, the longest first; those that begin or end with a letter are
    no part of a longer word, and their case counts."""
    alternatives = []
    for sign in sorted(signs(base), key=len, reverse=True):
        start = r"(?<![^\W\d_])" if sign[0].isalpha() else ""
        end = r"(?![^\W\d_])" if sign[-1].isalpha() and base not in ("ja", "zh", "ko") else ""
        end = r"(?![A-Za-z])" if sign[-1].isalpha() and not end else end
        alternatives.append(start + re.escape(sign) + end)
    return "|".join(alternatives)


def name(code: str, number: int, base: str) -> str:
    """Return what a currency is called after a whole number, in its form."""
    forms = unit_forms(code, base)
    return choose(forms, number, base) if forms else _from_cldr(code, number, base)


def hundredth(code: str, number: int, base: str) -> str:
    """Return the name of a currency's hundredth, empty where the currency has none."""
    part = _names(base).get(code, "").partition(":")[2]
    if not part:
        part = _HUNDREDTHS[base] if code in _DOLLARS else ""
    return choose(tuple(part.split("|")), number, base) if part else ""


def unit_forms(code: str, base: str) -> Forms:
    """Return the forms of a short name; empty where only CLDR knows the currency."""
    unit = _names(base).get(code, "").partition(":")[0]
    return tuple(unit.split("|")) if unit else ()


def all_forms(base: str) -> list[Forms]:
    """Return the forms of every short name."""
    return [unit_forms(code, base) for code in _names(base)]


@cache
def _names(base: str) -> dict[str, str]:
    entries = (entry.strip().partition(" ") for entry in _NAMES[base].split(";"))
    return {code: names for code, _, names in entries}


def choose(forms: Forms, number: int, base: str) -> str:
    """Return the form of a counted noun that a whole number asks for."""
    from xtts_lab.text.numbers.numerals import plural

    if base == "ar" and len(forms) == 4:
        rest = number % 100
        few = forms[2] if 3 <= rest <= 10 else forms[3] if rest >= 11 else forms[0]
        return {1: forms[0], 2: forms[1]}.get(number, few)
    return plural(number, forms, base)


@cache
def _from_cldr(code: str, number: int, base: str) -> str:
    from babel.numbers import get_currency_name

    found = get_currency_name(code, count=number, locale=base)
    found = found.replace("İ", "i").lower()  # İsveç kronu
    return found.replace(" ", "") if base in ("ja", "zh") else found
