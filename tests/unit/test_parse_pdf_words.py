"""Words of a PDF are read as a person reads them, whatever their glyphs are named and wherever they stand."""

from __future__ import annotations

from pathlib import Path

import pytest

from freshet.tasks.documents.elements import ParsedDocument
from freshet.tasks.documents.parse.pdf.pages import parse_pdf
from tests.unit.pdf_files import FONT, stream, write_pages

TEX = (
    b"<</Type/Font/Subtype/Type1/BaseFont/ABCDEF+CMR10/FirstChar 0/LastChar 127/Widths[%s]/FontDescriptor<<"
    b"/Type/FontDescriptor/FontName/ABCDEF+CMR10/Flags 4/FontBBox[0 0 1000 1000]/ItalicAngle 0/Ascent 700"
    b"/Descent -200/CapHeight 700/StemV 70>>>>" % (b"500 " * 128)
)
MAPPED = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/ToUnicode 5 0 R>>"


def shown(*lines: str, before: str = "") -> bytes:
    moves = " 0 -14 Td ".join(f"({line}) Tj" for line in lines)
    return f"BT /F1 12 Tf {before} 72 700 Td {moves} ET".encode("latin-1")


def read(folder: Path, content: bytes, font: bytes = FONT, *more: bytes, page: bytes = b"") -> ParsedDocument:
    return parse_pdf(write_pages(folder / "a.pdf", [content], *more, page=page, font=font), lambda: None)


def character_map(letters: dict[int, str]) -> bytes:
    pairs = b" ".join(b"<%02x> <%s>" % (code, to.encode("utf-16-be").hex().encode()) for code, to in letters.items())
    return stream(
        b"/CIDInit /ProcSet findresource begin begincmap 1 begincodespacerange <00> <ff> endcodespacerange "
        b"%d beginbfchar %s endbfchar endcmap end" % (len(letters), pairs)
    )


def test_the_ligatures_of_tex_are_letters(tmp_path: Path) -> None:
    words = read(tmp_path, shown(r"o\016cial di\013erent \014rst work\015ow \015ow ba\017ed"), TEX).text
    assert words == "official different first workflow flow baffled"


@pytest.mark.parametrize(
    ("stands_for", "word"),
    [("\ufb03", "ofxce"), ("\uf001", "oxce"), ("\u21b5", "oxce"), ("\ufb00", "oxce"), ("\uf002", "oxce")],
)
def test_ligatures_by_their_character_are_letters(tmp_path: Path, stands_for: str, word: str) -> None:
    letters = {"\ufb03": "ffi", "\uf001": "fi", "\u21b5": "ff", "\ufb00": "ff", "\uf002": "fl"}[stands_for]
    document = read(tmp_path, shown(f"the {word} here"), MAPPED, character_map({ord("x"): stands_for}))
    assert document.text == f"the {word.replace('x', letters)} here"


def test_an_icon_beside_words_is_no_ligature(tmp_path: Path) -> None:
    document = read(tmp_path, shown("x Search, and so on"), MAPPED, character_map({ord("x"): "\uf002"}))
    assert document.text == "\uf002 Search, and so on"


def test_a_letter_that_the_font_does_not_name_is_seen_to_be_lost(tmp_path: Path) -> None:
    assert read(tmp_path, shown(r"the wa\003er is clear"), TEX).text == "the wa\ufffder is clear"


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (("the regu-", "lation of 2020-", "2021 and COVID-", "19"), "the regulation of 2020-2021 and COVID-19"),
        (("the pre-", "and postwar years"), "the pre- and postwar years"),
        (("an Anglo-", "Saxon word"), "an Anglo-Saxon word"),
        (("well-known, and", "as well-", "known as ever"), "well-known, and as well-known as ever"),
    ],
)
def test_a_word_that_a_line_end_cuts_is_whole(tmp_path: Path, lines: tuple[str, ...], text: str) -> None:
    assert read(tmp_path, shown(*lines)).text == text


def test_a_soft_hyphen_that_is_seen_is_a_hyphen(tmp_path: Path) -> None:
    mapped = character_map({ord("_"): "\xad"})
    assert read(tmp_path, shown("the Anglo_Saxon word"), MAPPED, mapped).text == "the Anglo-Saxon word"


def test_a_soft_hyphen_without_width_is_nothing(tmp_path: Path) -> None:
    widths = [b"0" if code == ord("_") else b"500" for code in range(128)]
    font = TEX.replace(b"500 " * 128, b" ".join(widths)).replace(b"/Type1", b"/Type1/ToUnicode 5 0 R")
    mapped = character_map({ord("_"): "\xad"})
    assert read(tmp_path, shown("the regu_lation here"), font, mapped).text == "the regulation here"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (shown("CHAPTER ONE", before="6 Tc"), "CHAPTER ONE"),
        (shown("C H A P T E R   O N E"), "CHAPTER ONE"),
        (b"BT /F1 12 Tf 72 700 Td [(I)-500(N)-500(T)-500(R)-500(O)-1200(A)-500(N)-500(D)] TJ ET", "INTRO AND"),
        (shown("Choose A B C D E or none"), "Choose A B C D E or none"),
        (shown("marks x x x x x here"), "marks x x x x x here"),
        (shown("variables a x b y c z"), "variables a x b y c z"),
        (shown("P r e f a c e"), "Preface"),
    ],
)
def test_letters_that_stand_apart_are_words_unless_each_is_meant(tmp_path: Path, content: bytes, text: str) -> None:
    assert read(tmp_path, content).text == text


def test_ideographs_that_stand_apart_are_closed_up(tmp_path: Path) -> None:
    letters = dict(zip(b"abcdefgh", "中文字第一章目次", strict=True))
    document = read(tmp_path, shown("a b c d", "ef", "gh"), MAPPED, character_map(letters))
    assert document.text == "中文字第一章目次"


HEBREW = dict(zip(range(97, 119), "אבגדהוזחטיכלמנסעפצקרשת", strict=True))


def seen(words: str) -> str:
    """The codes of Hebrew words in the order in which they are seen, from left to right."""
    codes = {letter: chr(code) for code, letter in HEBREW.items()}
    return "".join(codes.get(letter, letter) for letter in reversed(words))


def test_what_reads_from_right_to_left_is_in_logical_order_with_its_numbers_right(tmp_path: Path) -> None:
    line = f"{seen('בשעה')} 1,234.50 {seen('שלומ')}"
    document = read(tmp_path, shown(line, seen("מימ")), MAPPED, character_map(HEBREW))
    assert " ".join(document.text.split()) == "שלומ 1,234.50 בשעה מימ"


def test_arabic_letters_in_their_forms_are_letters(tmp_path: Path) -> None:
    forms = dict(zip(b"abc", "\ufee1\ufefc\ufeb3", strict=True))
    assert read(tmp_path, shown("abc"), MAPPED, character_map(forms)).text == "سلام"


RAISED = "({}) Tj /F1 7 Tf 5 Ts ({}) Tj /F1 12 Tf 0 Ts ({}) Tj"


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        (("It costs 5,000", "1", " in all"), "It costs 5,000^1 in all"),
        (("about 10", "-6", ", or less"), "about 10^-6, or less"),
        (("as known", "2,3", "."), "as known^2,3."),
        (("on the 1", "st", " of May"), "on the 1st of May"),
        (("", "4", "Exceptions are listed"), "4 Exceptions are listed"),
    ],
)
def test_raised_numbers_stay_at_their_words_and_are_told_from_them(
    tmp_path: Path, parts: tuple[str, str, str], text: str
) -> None:
    content = f"BT /F1 12 Tf 72 700 Td {RAISED.format(*parts)} 0 -14 Td (The next line is longer.) Tj ET"
    assert read(tmp_path, content.encode()).text == f"{text} The next line is longer."


TURNED = {90: "0 1 -1 0 800 0", 180: "-1 0 0 -1 600 800", 270: "0 -1 1 0 -200 800"}


@pytest.mark.parametrize(("rotate", "matrix"), TURNED.items())
def test_a_page_that_is_turned_reads_as_it_is_seen(tmp_path: Path, rotate: int, matrix: str) -> None:
    content = f"{matrix} cm ".encode() + shown("The regu-", "lation of the", "pumps is old.")
    document = read(tmp_path, content, page=b"/Rotate %d" % rotate)
    assert document.text == "The regulation of the pumps is old."
    (element,) = document.elements
    assert element.box is not None
    assert element.box[2] - element.box[0] > element.box[3] - element.box[1]


@pytest.mark.parametrize("matrix", TURNED.values())
def test_text_that_is_turned_is_one_paragraph(tmp_path: Path, matrix: str) -> None:
    content = f"q {matrix} cm ".encode() + shown("The regu-", "lation of the", "pumps is old.") + b" Q"
    assert read(tmp_path, content).text == "The regulation of the pumps is old."
