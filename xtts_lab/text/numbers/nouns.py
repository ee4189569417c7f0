"""What is known of the nouns that numbers count: how genders show, and words that are no nouns.

A noun's gender is told by its ending, and by lists of the frequent nouns whose ending does not
tell. Nouns on neither list get what most nouns of their form have.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

_FEMININE_ENDINGS: Mapping[str, str] = {
    "es": "as? ción ciones sión siones dad dades tad tades tud tudes umbres?",
    "pt": "as? ãs? ção ções são sões dade dades tude tudes gem gens",
    "it": "a zione sione gione tà tù",
    "fr": "tion sion xion té ée ette elle esse ance ence ure ine aine aison aisons"
    " chanson boisson leçon façon moisson cuisson prison rançon ille ade ude"
    " euse"
    " trice enne anne onne ie ique ance pée",
    "de": "ung heit keit schaft tät ion ik ie enz anz e",
    "ru": "а я у ю ость ая",
    "pl": "a ość ą",
    "cs": "a á ost e ě",
}
_NEUTER_ENDINGS: Mapping[str, str] = {"ru": "о е ё мя ое", "pl": "o e um", "cs": "o í é um"}

_FEMININE: Mapping[str, str] = {
    "es": "h mano noche parte clase calle vez mujer madre flor foto moto radio tarde llave nave"
    " nube"
    " luz voz cruz red ley sal miel piel señal cárcel imagen orden razón gente torre fuente sangre"
    " serie especie crisis tesis dosis frase base fase veces mujeres flores luces voces leyes redes"
    " señales imágenes carne carnes muerte muertes corriente corrientes actriz actrices raíz raíces"
    " nariz narices col coles sartén sartenes virgen vírgenes piel pieles catedral catedrales"
    " capital capitales central centrales sucursal sucursales labor labores orden órdenes",
    "pt": "colher colheres árvore árvores parede paredes nuvem nuvens semente sementes fonte fontes"
    " carne carnes febre febres arte artes morte mortes origem ordem ordens pele peles raiz raízes"
    " atriz atrizes noz nozes lebre lebres h mão mãos noite parte vez vezes mulher mãe flor foto"
    " moto luz voz cruz lei cor dor"
    " ponte"
    " classe tarde torre chave nave frase base fase tese dose rede sede série crise mulheres flores"
    " luzes vozes leis cores",
    "it": "h mano notte parte chiave nave luce voce croce legge madre moglie gente classe torre"
    " pelle"
    " neve carne arte morte radio moto foto auto crisi analisi tesi serie specie frase base fase"
    " canzone fine cornice matrice",
    "fr": "h heure minute seconde microseconde année semaine nuit fois personne page femme fille"
    " livre tasse"
    " tonne table chaise chose main voiture rue place ville chambre porte maison clé clef vie mort"
    " étoile"
    " pomme tranche équipe classe lettre ligne phrase part pièce vache poule école boîte carte dent"
    " étape couronne roupie sœur mère tante image plage cage route tête jambe bête île forêt fleur"
    " couleur odeur peur voix croix noix paix loi foi fin dose note tour règle tarte cuillère"
    " langue"
    " banque marque guerre terre pierre zone marche feuille grappe poignée grande petite"
    " belle bonne nouvelle vieille première dernière hryvnia lire",
    "de": "frau person mark hand stadt nacht uhr zahl tür wand bank tochter schwester mutter"
    " kuh form"
    " art zeit arbeit antwort fahrt gabel insel regel nummer mauer steuer feder million etage gans"
    " maus laus nuss haut brust faust kraft luft macht not wurst frucht schrift figur natur kultur"
    " prozedur tastatur schülerin lehrerin freundin ärztin kundin königin milch post"
    " schnur spur kur wahl qual schulter butter leiter nadel schüssel wurzel zwiebel ampel"
    " lira hrywnja rupiah",
    "ru": "ночь часть дверь кровать площадь тетрадь жизнь смерть область вещь речь мышь дочь мать"
    " церковь кость печь соль ель сеть цель роль модель степень осень очередь лошадь помощь связь"
    " грань нить запись подпись боль пыль тень ткань",
    "pl": "noc rzecz część mysz twarz sól kość wieś krew podróż moc pomoc powieść odpowiedź jesień"
    " przestrzeń dłoń pani gospodyni godziny minuty sekundy osoby kobiety strony książki noce"
    " rzeczy"
    " części korony córki siostry dziewczyny dziewczynki ręce nogi ulice szkoły klasy grupy drużyny"
    " butelki szklanki łyżki łyżeczki filiżanki kawy herbaty kartki sztuki gwiazdy rodziny drogi"
    " wersje stacje lekcje wiadomości możliwości panie doby tony gminy ofiary bramki połowy porcje"
    " tabletki paczki puszki torby lampy ryby krowy kury kaczki rupie liry hrywny",
    "cs": "děti noc věc část píseň sůl myš řeč kost zeď loď postel tramvaj chuť smrt krev žízeň"
    " paní"
    " hodiny minuty vteřiny sekundy koruny osoby ženy strany knihy ruce nohy školy holky dcery"
    " sestry"
    " kočky lžíce lžičky ulice libry rupie noci věci části láhve lahve třídy skupiny rodiny cesty"
    " stanice tuny branky porce tablety tašky lampy ryby krávy slepice židle postele hvězdy liry"
    " hřivny místnosti možnosti kapitoly stránky kávy sklenice zprávy",
}
_MASCULINE: Mapping[str, str] = {
    "es": "día días mapa mapas problema problemas sistema sistemas tema temas idioma idiomas clima"
    " programa programas planeta planetas poeta poetas drama esquema poema síntoma síntomas"
    " kilograma"
    " gramas pijama sofá sofás diagrama telegrama dracma baht taka",
    "pt": "dia dias mapa mapas problema problemas sistema sistemas tema temas idioma idiomas clima"
    " programa programas planeta planetas poeta poetas drama esquema poema sintoma sintomas cinema"
    " cinemas pijama diagrama telegrama grama gramas quilograma quilogramas taka",
    "it": "problema sistema tema programma clima panorama poeta pianeta telegramma dramma schema"
    " poema sintomo cinema diagramma pigiama papa",
    "fr": "été comité côté traité pâté comté député musée lycée trophée apogée silence incendie"
    " génie"
    " parapluie foie murmure mercure dictionnaire magazine domaine capitaine squelette"
    " stade grade moine patrimoine centime million milliard vermicelle rebelle mille gorille mètre"
    " centimètre kilomètre litre gramme kilogramme sou ministre homme",
    "de": "byte kilobyte megabyte gigabyte terabyte junge name käse auge ende interesse kunde"
    " kollege gedanke buchstabe experte neffe löwe"
    " hase affe tage monate punkte wochenende gebäude gemüse gewebe getreide knie genie stadion"
    " spion skorpion erbe zeuge riese",
    "ru": "мужчина мужчины дядя дяди папа папы дедушка дедушки судья судьи юноша юноши коллега"
    " кофе евро",
    "pl": "mężczyzna kolega poeta tata kierowca artysta turysta sędzia mężczyźni",
    "cs": "předseda kolega turista táta hrdina měsíce tisíce palce konce zajíce muže otce kluci",
}
_NEUTER: Mapping[str, str] = {
    "pl": "imię zwierzę ramię plemię dziecię cielę kurczę",
    "cs": "moře pole kuře dítě zvíře slunce srdce vejce hřiště letiště bydliště euro penny rádio"
    " město města auta slova jablka místa vejce kuřata století euro eura",
    "ru": "дитя время имя знамя племя",
    "de": "jahr jahre",
}
_UNITS: Mapping[str, str] = {
    "de": "jahr jahre tag tage monat monate woche wochen stunde stunden minute minuten sekunde"
    " sekunden euro dollar pfund cent prozent grad meter kilometer kilo kilogramm gramm liter mann"
    " frau kind mensch personen person mal punkt punkte stück million milliarde yen rubel won krone"
    " franken uhr m km cm mm kg g mg l ml h min t ha kilogramm"
    " lira lire rupie rupien krone kronen forint franken rand peso real dirham dinar rupiah hrywnja"
    " lari tenge baht dong schekel ringgit złoty",
}
"""German nouns that are known without their capital."""

_GERMAN_MASCULINE_UNITS = frozenset(
    [
        "tag",
        "monat",
        "euro",
        "dollar",
        "cent",
        "grad",
        "punkt",
        "mann",
        "mensch",
        "schritt",
        "platz",
        "kilometer",
        "meter",
        "liter",
    ]
)
_NO_NOUNS: Mapping[str, str] = {
    "es": "de del y e o u a al en con por para es son que más menos o como sin hasta desde entre no"
    " se la el los las por fue era eran",
    "pt": "de do da dos das e ou a à ao em no na nos nas com por para é são que mais menos como sem"
    " até desde entre não o os as foi era",
    "it": "di del della dei e ed o a al alla in nel nella con per è sono che più meno come"
    " senza fino"
    " da dal tra fra non il la lo i gli le fu era su ha hanno",
    "fr": "de du des et ou à au aux en dans avec pour par est sont que qui plus moins comme sans"
    " jusque depuis entre ne le la les sur fut était a ont contre janvier février mars"
    " avril mai juin juillet août septembre octobre novembre décembre",
    "ru": "и или а но в во на с со к ко по о об от до из за у при для без не есть был была это что"
    " как то же ли бы января февраля марта апреля мая июня июля августа сентября октября ноября"
    " декабря к плюс минус равно",
    "pl": "i oraz lub albo a ale w we na z ze do od po o u przy dla bez nie jest są był była to co"
    " jak czy plus minus procent stycznia lutego marca kwietnia maja czerwca lipca sierpnia"
    " września"
    " października listopada grudnia",
    "cs": "a i nebo ale v ve na z ze do od po o u při pro bez ne je jsou byl byla to co jak že plus"
    " minus ku až krát k ledna února března dubna května června července srpna září října listopadu"
    " prosince",
    "hu": "és vagy de a az ez meg is nem van volt hogy mint plusz mínusz egész pont ki be el fel le"
    " századi",
    "de": "und oder bis mal",
}  # fmt: skip


@cache
def _words(table: str, base: str) -> frozenset[str]:
    tables = {"f": _FEMININE, "m": _MASCULINE, "n": _NEUTER, "none": _NO_NOUNS, "unit": _UNITS}
    return frozenset(tables[table].get(base, "").split())


@cache
def _endings(table: str, base: str) -> re.Pattern[str] | None:
    endings = {"f": _FEMININE_ENDINGS, "n": _NEUTER_ENDINGS}[table].get(base, "")
    return re.compile(rf"(?:{endings.replace(' ', '|')})$") if endings else None


def is_function_word(word: str, base: str) -> bool:
    """Return whether a lower-case word cannot be what a number counts."""
    return word in _words("none", base)


def is_unit(word: str, base: str) -> bool:
    """Return whether a word is a known noun even without its German capital."""
    return word in _words("unit", base)


def is_listed(word: str, gender: str, base: str) -> bool:
    """Return whether a word stands in the list of a gender ("m", "f", "n")."""
    return word in _words(gender, base)


def gender(word: str, base: str) -> str:
    """Return "m", "f" or "n" for a lower-case noun, by the lists and then by its ending."""
    forms = {word}
    if base in ("fr", "es", "pt") and word.endswith(("s", "x")):
        forms |= {word[:-1], word[:-2]}
    for name in "nmf":
        if forms & _words(name, base):
            return name
    for name in "nf":
        endings = _endings(name, base)
        if endings is not None and any(map(endings.search, forms - {word[:-2]} or forms)):
            return name
    return "m"


def is_masculine_unit(word: str) -> bool:
    """Return whether a German noun takes "einen" in the accusative."""
    return word in _GERMAN_MASCULINE_UNITS
