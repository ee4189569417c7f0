"""Abbreviations: the reference's list, and ours, which adds to it and corrects it.

Keys are written without the final dot. Russian ones are whole words and have none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, partial
from types import MappingProxyType


def _table(text: str) -> Mapping[str, str]:
    pairs = (line.split("=") for line in text.split("; "))
    return MappingProxyType({key.strip(): value.strip() for key, value in pairs})


REFERENCE: Mapping[str, Mapping[str, str]] = {
    # "misess" is how the training texts spelled it.
    "en": _table(
        "mrs=misess; mr=mister; dr=doctor; st=saint; co=company; jr=junior; maj=major; gen=general;"
        " drs=doctors; rev=reverend; lt=lieutenant; hon=honorable; sgt=sergeant; capt=captain;"
        " esq=esquire; ltd=limited; col=colonel; ft=fort"
    ),
    "es": _table(
        "sra=señora; sr=señor; dr=doctor; dra=doctora; st=santo; co=compañía; jr=junior;"
        " ltd=limitada"
    ),
    "fr": _table(
        "mme=madame; mr=monsieur; dr=docteur; st=saint; co=compagnie; jr=junior; ltd=limitée"
    ),
    "de": _table("fr=frau; dr=doktor; st=sankt; co=firma; jr=junior"),
    "pt": _table(
        "sra=senhora; sr=senhor; dr=doutor; dra=doutora; st=santo; co=companhia; jr=júnior;"
        " ltd=limitada"
    ),
    "it": _table("sig=signore; dr=dottore; st=santo; co=compagnia; jr=junior; ltd=limitata"),
    "pl": _table("p=pani; m=pan; dr=doktor; sw=święty; jr=junior"),
    "cs": _table("dr=doktor; ing=inženýr; p=pan"),
    "ru": _table("г-жа=госпожа; г-н=господин; д-р=доктор"),
    "nl": _table("dhr=de heer; mevr=mevrouw; dr=dokter; jhr=jonkheer"),
    "tr": _table("b=bay; byk=büyük; dr=doktor"),
    "hu": _table("dr=doktor; b=bácsi; nőv=nővér"),
}

OURS: Mapping[str, Mapping[str, str]] = {
    "en": _table("vs=versus; etc=et cetera; prof=professor; e.g=for example; i.e=that is"),
    "es": _table(
        "sres=señores; avda=avenida; av=avenida; srta=señorita; ud=usted; uds=ustedes;"
        " prof=profesor; p. ej=por ejemplo; etc=etcétera"
    ),
    "fr": _table("m=monsieur; mlle=mademoiselle; prof=professeur; etc=et cetera"),
    "de": _table(
        "z. b=zum beispiel; d. h=das heißt; u. a=unter anderem; usw=und so weiter;"
        " max=maximal; mind=mindestens; inkl=inklusive; evtl=eventuell; ggf=gegebenenfalls;"
        " vgl=vergleiche; bzw=beziehungsweise; ca=circa; prof=professor; str=straße"
    ),
    "pt": _table("srta=senhorita; av=avenida; prof=professor; profa=professora; etc=etcétera"),
    "it": _table(
        "sig.ra=signora; sig.na=signorina; prof.ssa=professoressa; sigg=signori; dott=dottor;"
        " dott.ssa=dottoressa; prof=professore; ecc=eccetera"
    ),
    "pl": _table(
        "św=święty; prof=profesor; tj=to jest; m.in=między innymi; np=na przykład; itd=i tak dalej;"
        " itp=i tym podobne"
    ),
    "cs": _table("prof=profesor; např=například; atd=a tak dále; tj=to jest"),
    "ru": _table("проф=профессор; т. е=то есть; т. д=так далее; т. п=тому подобное"),
    "nl": _table(
        "prof=professor; o.a=onder andere; bijv=bijvoorbeeld; enz=enzovoort; d.w.z=dat wil zeggen"
    ),
    "tr": _table("prof=profesör; av=avukat; cad=caddesi; vb=ve benzeri; vs=vesaire; sn=sayın"),
    "hu": _table("prof=professzor; stb=satöbbi; pl=például; kb=körülbelül; ún=úgynevezett"),
}
"""What the reference leaves as letters, or takes apart wrongly ("sig.ra")."""

_WITHOUT_DOT: Mapping[str, Mapping[str, str]] = {
    "fr": _table(
        "mme=madame; mlle=mademoiselle; dr=docteur; bd=boulevard"
    ),  # French titles that end as the word ends
    "en": _table("mr=mister; mrs=misess"),  # British spelling
    "pl": _table("nr=numer; dr=doktor; mgr=magister"),  # likewise
}
_STREET = re.compile(r"(?<=[^\W\d] )St\.(?!\s+[A-Z])")
"""After a name, and not before one: "Main St. is", unlike "St. Mary" (needs the case)."""

_BEFORE_A_NUMBER: Mapping[str, Mapping[str, str]] = {
    "en": _table(
        "no=number; p=page; pp=pages; pg=page; pgs=pages; ch=chapter; vol=volume; fig=figure"
    ),
    "de": _table("nr=nummer; s=seite; kap=kapitel; abb=abbildung; bd=band"),
    "fr": _table("p=page; pp=pages; chap=chapitre; fig=figure; vol=volume"),
    "es": _table("p=página; pág=página; págs=páginas; cap=capítulo; núm=número; fig=figura"),
    "it": _table(
        "n=numero; p=pagina; pag=pagina; pagg=pagine; cap=capitolo; fig=figura; vol=volume"
    ),
    "pt": _table("p=página; pág=página; págs=páginas; cap=capítulo; fig=figura; vol=volume"),
    "pl": _table("str=strona; s=strona; rozdz=rozdział; rys=rysunek"),
    "cs": _table("č=číslo; str=strana; s=strana; kap=kapitola; obr=obrázek"),
    "nl": _table("nr=nummer; p=pagina; blz=bladzijde; hfst=hoofdstuk; fig=figuur"),
    "ru": _table("стр=страница; гл=глава; рис=рисунок"),
    "tr": _table("s=sayfa; no=numara"),
}
"""What is an abbreviation before a figure only."""
_AFTER_A_NUMBER: Mapping[str, Mapping[str, str]] = {
    "en": {"ft": "feet"}, "pl": {"proc": "procent"},
}  # fmt: skip


_WITH_A_NAME: Mapping[str, tuple[tuple[str, str], ...]] = {
    "it": ((r"\b[Ss]ig\.(?=\s[A-Z])", "signor"),),
    "pl": ((r"\b[Oo]k\.(?=\s?(?:godz|\d))", "około"),
           (r"\b(?i:(na|o|po)\s)(?:str|s)\.(?=\s?\d)", r"\1 stronie"),
           (r"\b(?i:(w|o|po)\s)rozdz\.(?=\s?\d)", r"\1 rozdziale"),
           (r"\b(?i:(przy|na|od|do|z|w|po)\s)ul\.(?=\s[A-ZŁŚŻŹĆ])", r"\1 ulicy"),
           (r"\b[Uu]l\.(?=\s[A-ZŁŚŻŹĆ])", "ulica")),
    "cs": ((r"\b(?i:(na|o|po)\s)str\.(?=\s?\d)", r"\1 straně"),
           (r"\b(?i:(v|o|po)\s)kap\.(?=\s?\d)", r"\1 kapitole")),
    "ru": ((r"\b(?i:(по)\s)тел\.(?=\s?[\d+(])", r"\1 телефону"),
           (r"\b(?i:(на|в|о)\s)стр\.(?=\s?\d)", r"\1 странице"),
           (r"\b(?i:(в|о)\s)гл\.(?=\s?\d)", r"\1 главе"),
           (r"\b(?i:(на|по|к|о|в)\s)ул\.(?=\s[А-ЯЁ])", r"\1 улице"),
           (r"\b(?i:(с|до|от|из|у|около)\s)ул\.(?=\s[А-ЯЁ])", r"\1 улицы"),
           (r"\b[Уу]л\.(?=\s[А-ЯЁ])", "улица")),
}  # fmt: skip
"""What is an abbreviation before a name only; a street has the case of its preposition."""


def expand_reference(text: str, base: str, single: str = "") -> str:
    """Expand as the reference does: in the table's order, ignoring case.

    `single`: what a letter alone is no abbreviation after.
    """
    end = r"\b" if base == "ru" else r"\."
    for short, full in REFERENCE.get(base, {}).items():
        start = single if len(short) == 1 else ""
        text = re.sub(rf"{start}\b{short}{end}", full, text, flags=re.IGNORECASE)
    return text


def expand(text: str, base: str) -> str:
    """Expand all abbreviations; `text` still has its digits and its case."""
    if base == "en":
        text = _STREET.sub("street", text)
    if base == "de":
        text = re.sub(r"(?<=\w)str\.", "straße", text)
    for pattern, full in _WITH_A_NAME.get(base, ()):
        text = re.sub(pattern, full, text)
    for written, full in _patterns(base):
        text = written.sub(partial(_with_final_stop, full), text)
    return expand_reference(text, base, r"(?<!\d)(?<!\d\s)")


def _with_final_stop(full: str, match: re.Match[str]) -> str:
    """An abbreviation's dot at the end of the text is the sentence's too."""
    gap = match.groupdict().get("gap", "")
    ends = match[0].endswith(".") and match.end() == len(match.string)
    return gap + full + ("." if ends else "")


@cache
def _patterns(base: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    rules = [(rf"(?<=\d)(?P<gap>\s?){short}\b\.?", full)
             for short, full in _AFTER_A_NUMBER.get(base, {}).items()]  # fmt: skip
    for short, full in sorted(OURS.get(base, {}).items(), key=lambda item: -len(item[0])):
        body = re.escape(short).replace(r"\ ", r"\s?")
        # "sig.ra", "e.g": the dots inside mark it already.
        end = r"(?:\.|\b)" if "." in short and " " not in short else r"\."
        count = r"(?<!\d\s)" if len(short) == 1 else ""  # "100 m." are metres
        rules.append((rf"{count}(?<![\w.]){body}{end}", full))
    rules += [(rf"(?<![\w.]){short}\.(?=\s?\d)", full)
              for short, full in _BEFORE_A_NUMBER.get(base, {}).items()]  # fmt: skip
    rules += [(rf"\b{short}\b(?!\.)", full)
              for short, full in _WITHOUT_DOT.get(base, {}).items()]  # fmt: skip
    return tuple((re.compile(body, re.IGNORECASE), full) for body, full in rules)


def own_pattern(base: str) -> str:
    """Return a pattern of everything that only `expand` expands, empty where nothing is."""
    own = [pattern.pattern.replace("?P<gap>", "?:") for pattern, _ in _patterns(base)]
    own += [pattern for pattern, _ in _WITH_A_NAME.get(base, ())]
    own += {"en": [r"\bst\."], "de": [r"str\."]}.get(base, [])
    return "|".join(own)
