"""German compounds: what a word is made of, where a list allows it."""

from __future__ import annotations

_HEADS = """
abbau abend abgabe abkommen ablauf abrechnung abschluss abteilung abzug adel akte aktie alter analyse anbau anfrage
angabe angebot angriff anlage anlass anleitung anmeldung anordnung anspruch antrag anweisung anzahl anzeige arbeit
archiv armee arzt atem aufgabe auflage auftrag aufwand auge ausbildung ausgabe ausgleich auskunft aussage ausschuss
ausstellung auswahl ausweis auto bahn band bank baum beamte beauftragt becken bedarf bedingung befehl befreiung beginn
behandlung behörde beitrag beleg bereich berg bericht beruf beschluss beschreibung besitz bestand bestimmung besuch
betrag betreuung betrieb bewegung bewertung bewohner beziehung biene bier bild bildung blatt blick blut boden boot
brand brauch brief brot bruch brücke buch bund börse bürger büro chef chemie christ club code dame darstellung daten
dauer decke denkmal dichte diener dienst ding direktor dokument dorf drama druck ebene eigenschaft einheit einkommen
einsatz einwohner eisen element eltern empfang ende energie engel entdeckung entgelt entscheidung entwicklung erde
ereignis erfahrung erfassung erfolg ergebnis erhaltung erklärung ermittlung ersatz erzeugung essen faktor fall familie
farbe fehler feld fernsehen fest feuer figur film finger firma fisch flasche fleisch flug fluss fläche flüssigkeit
folge form format forscher forschung frage frau freiheit freund frieden frist fuhr fund funktion führer führung gabe
gang garten gast gebiet gebäude gebühr gedanke gefahr gegend gegenstand gehalt geist geld gelände gemeinde gemälde
generation genuss gericht gerät geschichte geschwindigkeit geschäft gesellschaft gesetz gespräch gestein gesundheit
gewalt gewebe gewicht gewinn glas glaube gott grad grenze grund gruppe gräber größe gürtel haar hafen halle hals
haltung hand handel haupt haus haut heer heim heizung held herr herrschaft herz hilfe himmel holz hund höhe industrie
information inhalt insel institut instrument jahr kaiser kammer kampf kanal kandidat kapital kapitel karte kasse katze
kauf kennzahl kern kette kind kirche klasse klausel kleid klima kloster knoten koch kohle kolonie konto kontrolle
konzern konzert kopf kosten kraft krank kranz kreis krieg krise kultur kunde kunst kurs könig körper küste lager land
landschaft last lauf leben lehre lehrer leistung leiter leitung leute licht liebe lied linie liste literatur lohn luft
lösung macht mahl maler mangel mann marine markt maschine masse material mauer medizin meer meister meldung menge
mensch messer metall methode miet miete miliz minister minute mitglied mittag mittel modell monat mond mord motor mund
museum musik muskel muster mutter mädchen münze nacht nachweis nahrung name nation natur netz niederschlag norm nummer
nutzung objekt oper opfer orchester orden ordnung organ palast papier papst park parlament partei partner patient
pause periode person pfad pferd pflanze pflege pflicht phase physik plan platte platz politik post preis presse prinz
problem produkt programm projekt provinz prozess präsident prüfung punkt quelle quote rahmen rand rasse raub raum
rechner rechnung recht rede reform regel regelung regen regierung regiment reich reihe reise religion rennen rente
republik richter richtlinie richtung ring risiko ritter rohr rolle roman ruhe rückgang sache sammlung satz schaden
schein schicht schiff schlacht schlag schluss schlüssel schmerz schrank schrift schritt schule schutz schwelle
schwester seele seite sender sendung serie sicherheit sicherung sieg signal silber sinn sitz sitzung software sohn
soldat sommer sonne sorge spende spiel spitze sport sprache sprung staat stadt stamm stand start statistik stein
stelle stern steuer stil stimme stoff strahl strahlung strand straße strecke streit strom struktur studie stuhl stunde
sturm stück suche symbol system szene sänger säule tabelle takt tanz tarif tausch technik teil telefon tempel
temperatur termin test text theater theorie tier tisch titel tochter tour tradition transport trieb trupp truppe
träger turm ufer umsatz umwelt unfall universität unterlage unternehmen urlaub ursprung urteil vater verband
verbindung verbot verbrauch verbrechen verein verfahren verfassung verhalten verkauf verkehr verletzung verlust
vermögen verordnung versammlung versicherung version versorgung versuch vertrag vertreter vertretung verwaltung
verzeichnis vieh viertel vogel volk vorgang vorlage vorschrift vorstand wachstum waffe wagen wahl wald wand wanderung
ware wasser wechsel weise welt werbung werk wert wesen wettbewerb wetter wind winter wirkung wirtschaft wissen
wissenschaft woche wohnung wolke wort wunsch währung zahl zahlung zeichen zeit zeitung zelle zentrale zentrum
zerstörung zeugnis ziel zimmer zins zitat zoll zone zubehör zugang zuschauer zuschlag zustand zuständig zweck zyklus
übung
"""
_ENDINGS = ("", "e", "en", "er", "ern", "es", "n", "s", "em", "r", "rn")
_UMLAUTS = str.maketrans("aou", "äöü")
_LEAST = 4
"""Letters that stand before the head of a compound."""


def _forms() -> frozenset[str]:
    heads = _HEADS.split()
    bent = [head.translate(_UMLAUTS) if len(head) <= 6 else head for head in heads]
    return frozenset(head + ending for head in (*heads, *bent) for ending in _ENDINGS)


_FORMS = _forms()
_LONGEST_HEAD = max(map(len, _FORMS))


def split_compound(word: str, language: str) -> tuple[str, ...]:
    """Returns the two parts of a German compound in lower case, without the joint; nothing where it is none."""
    if language != "de" or len(word) < 2 * _LEAST:
        return ()
    for start in range(max(_LEAST, len(word) - _LONGEST_HEAD), len(word) - _LEAST + 1):
        if word[start:] in _FORMS:
            modifier = word[:start]
            return (modifier, modifier[:-1], word[start:]) if modifier[-1] == "s" else (modifier, word[start:])
    return ()
