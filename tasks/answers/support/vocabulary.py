"""Words that the check of support knows: of number, unit, time, denial, and those that say little; en, de, fr, es."""

from __future__ import annotations

from collections.abc import Mapping


def _numbered(first: int, words: str) -> dict[str, str]:
    return {word: str(first + at) for at, entry in enumerate(words.split()) for word in entry.split("/")}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _paired(text: str) -> dict[str, str]:
    return dict(entry.split(":") for entry in text.split())


def _opposites(prefix: str, words: str) -> dict[str, str]:
    return {prefix + word: word for word in words.split()}


def _of(text: str) -> dict[str, str]:
    """Reads lines of `name: alias alias`; each name is an alias of its own."""
    lines = (line.partition(":") for line in text.strip().splitlines())
    return {word: name.strip() for name, _, words in lines for word in (name.strip(), *words.split())}


CARDINALS: Mapping[str, str] = _numbered(
    2,
    "two/zwei/deux/dos three/drei/trois/tres four/vier/quatre/cuatro five/fünf/cinq/cinco six/sechs/seis "
    "seven/sieben/sept/siete eight/acht/huit/ocho nine/neun/neuf/nueve ten/zehn/dix/diez eleven/elf/onze/once "
    "twelve/zwölf/douze/doce thirteen/dreizehn fourteen/vierzehn fifteen/fünfzehn sixteen/sechzehn "
    "seventeen/siebzehn eighteen/achtzehn nineteen/neunzehn twenty/zwanzig/vingt/veinte",
) | {"thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "seventy": "70", "eighty": "80", "ninety": "90"}
"""Number words; `one` is left out, since it is a pronoun as well."""

TENS = frozenset({"20", "30", "40", "50", "60", "70", "80", "90"})

ORDINALS: Mapping[str, str] = _numbered(
    1,
    "first/erste/ersten/premier second/zweite/zweiten/deuxième third/dritte/dritten fourth/vierte/vierten "
    "fifth/fünfte sixth/sechste seventh/siebte eighth/achte ninth/neunte tenth/zehnte eleventh twelfth",
)

AS_TWO = frozenset({"both", "pair", "twice", "couple", "double", "beide", "beiden"})
"""Words of a passage that let an answer say two."""

SCALES: Mapping[str, int] = {
    "hundred": 2, "hundreds": 2, "thousand": 3, "thousands": 3, "million": 6, "millions": 6, "billion": 9,
    "billions": 9, "trillion": 12, "bn": 9, "k": 3, "mio": 6, "mrd": 9, "tsd": 3, "tausend": 3, "millionen": 6,
    "milliarde": 9, "milliarden": 9, "mille": 3, "milliard": 9, "milliards": 9, "millón": 6, "millones": 6,
}  # fmt: skip

UNITS: Mapping[str, str] = _of(
    """
    second: seconds sec secs sekunde sekunden secondes segundo segundos
    ms: millisecond milliseconds
    minute: minutes min mins minuten minuto minutos
    hour: hours hr hrs stunde stunden heure heures hora horas
    day: days tag tage tagen jour jours día días
    week: weeks woche wochen semaine semaines semana semanas
    month: months monat monate monaten mois mes meses
    year: years yr yrs jahr jahre jahren année années ans año años
    decade: decades jahrzehnt jahrzehnte jahrzehnten décennie décennies década décadas
    century: centuries jahrhundert jahrhunderte jahrhunderten siècle siècles siglo siglos
    bit: bits
    byte: bytes
    kb: kilobyte kilobytes
    mb: megabyte megabytes
    gb: gigabyte gigabytes
    tb: terabyte terabytes
    pb: petabyte petabytes
    kib: kibibytes
    mib: mebibytes
    gib: gibibytes
    mm: millimetre millimetres millimeter millimeters
    cm: centimetre centimetres centimeter centimeters zentimeter
    m: metre metres meter meters metern mètre mètres metro metros
    km: kilometre kilometres kilometer kilometers kilometern kilomètre kilomètres kilómetro kilómetros
    inch: inches
    foot: feet ft
    yard: yards yd
    mile: miles meilen mi
    acre: acres
    hectare: hectares ha hektar
    mg: milligram milligrams
    g: gram grams gramm
    kg: kilogram kilograms kilogramm kilo kilos
    lb: lbs pound pounds pfund
    ounce: ounces oz
    ton: tons tonne tonnes tonnen
    litre: litres liter liters l
    ml: millilitre millilitres milliliter
    usd: $ dollar dollars us$
    eur: € euro euros
    gbp: £
    jpy: ¥ yen
    chf: francs franken
    cent: cents
    %: percent prozent pct
    °c: celsius
    °f: fahrenheit
    °: degree degrees grad
    hz: hertz
    khz: kilohertz
    mhz: megahertz
    ghz: gigahertz
    w: watt watts
    kw: kilowatt kilowatts
    mw: megawatt megawatts
    mph:
    """
)
"""Alias of a unit → the unit."""

CURRENCIES = frozenset({"usd", "eur", "gbp", "jpy", "chf", "cent"})

MONTHS: Mapping[str, str] = _numbered(
    1,
    "january/jan/januar/jänner/janvier/enero february/feb/februar/février/febrero march/mar/märz/mars/marzo "
    "april/apr/avril/abril may/mai/mayo june/jun/juni/juin/junio july/jul/juli/juillet/julio "
    "august/aug/août/agosto september/sep/sept/septembre/septiembre october/oct/oktober/okt/octobre/octubre "
    "november/nov/novembre/noviembre december/dec/dezember/dez/décembre/diciembre",
)
ALSO_WORDS = frozenset({"may", "march", "mar", "mars", "august", "sept", "sep", "dec", "jan", "jun", "mai"})
"""Names of months that are words of another kind where they are not capitalised."""

WEEKDAYS: Mapping[str, str] = _numbered(
    1,
    "monday/montag/lundi/lunes tuesday/dienstag/mardi/martes wednesday/mittwoch/mercredi/miércoles "
    "thursday/donnerstag/jeudi/jueves friday/freitag/vendredi/viernes saturday/samstag/sonnabend/samedi/sábado "
    "sunday/sonntag/dimanche/domingo",
)
WEEKDAYS_SHORT: Mapping[str, str] = _numbered(1, "mon tue/tues wed thu/thurs fri sat sun")

DENIALS: Mapping[str, str | None] = {
    **dict.fromkeys(
        _words(
            """
            not never nor neither none nobody nothing nowhere non no except excluding nicht nie niemals niemand nichts
            weder kein keine keinen keinem keiner keines außer pas jamais rien aucun aucune sauf nunca jamás ninguno
            ningún ninguna nada nadie excepto salvo
            """
        )
    ),
    **_paired("without:with ohne:mit sans:avec sin:con unless:if cannot:can impossible:possible illegal:legal"),
    **_opposites(
        "un",
        "able available necessary likely limited common usual clear supported authorized safe known used fähig bekannt "
        "möglich nötig gültig zulässig erlaubt begrenzt",
    ),
    **_opposites("in", "valid active correct complete sufficient visible secure"),
}
"""Words that deny → what else they say."""

RESTRICTIONS = frozenset({"only", "solely", "exclusively", "nur", "ausschließlich", "seulement", "solo", "sólo"})

CONTRACTED: Mapping[str, str] = {"can't": "can", "won't": "will", "shan't": "shall", "ain't": "is"}

LIGHT = _words(
    """
    a an the do does did always ever any der die das ein eine immer le la les all every alle tous toutes todos todas
    el los las un une una toujours siempre ne
    """
)
"""Words that may stand between two others without changing who says what."""

GERMAN = _words(
    """
    der die das und ist nicht ein eine den dem des von zu mit auf für im wird werden sind wurde sich
    """
)

EMPTY = (
    LIGHT
    | GERMAN
    | _words(
        """
    about after all also although am and are as at be because been before being between both but by can could during
    each for from further had has have having he her here his how however i if in into is it its just many may me
    might more most must my no not of off on one or other our out over own s same shall she should so some such t than
    that their them then there therefore these they this those through to too under until up upon us very was we well
    were what when where whether which while who whom whose why will with within without would yes you your yours er
    sie es wir ihr an bei als wie auch oder aber dass aus nach vor durch um zum zur de du des et est en que qui dans
    pour par sur au aux il elle y del con por para se su o lo d ll m re ve
    """
    )
)
"""Words that say nothing of the matter."""

CONNECTORS = _words(
    """
    and but because which while whereas although since so where who und aber weil obwohl et mais parce y pero porque
    """
)
"""Words that a clause may begin with."""

_NO_NAMES = EMPTY.union(CARDINALS, ORDINALS, DENIALS, RESTRICTIONS, CONNECTORS)
OPENERS = _NO_NAMES | _words(
    """
    additionally moreover furthermore overall finally instead generally usually typically according based note please
    thus hence yet once despite every another several few today currently later specifically similarly meanwhile
    following given using ja nein oui non sí
    """
)
"""Words that are capitalised only where a sentence begins with them."""


def one_form(word: str) -> str:
    """Returns a unit by its one name, a number word in digits, and any other word as it is."""
    return UNITS.get(word) or CARDINALS.get(word) or word
