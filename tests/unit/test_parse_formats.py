"""What each parser makes of its format, bombs and odd encodings included. No process is started here."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from freshet.tasks.documents.elements import ADDED_PROPERTIES, ParsedDocument, from_json, to_json
from freshet.tasks.documents.parse.build import Block, build, clean, jsonable
from freshet.tasks.documents.parse.decode import decode
from freshet.tasks.documents.parse.fingerprint import parser_fingerprint
from freshet.tasks.documents.parse.kinds import SUFFIXES, kind_of
from freshet.tasks.documents.parse.mail.messages import parse_eml
from freshet.tasks.documents.parse.markdown import parse_markdown
from freshet.tasks.documents.parse.markup import parse_html, parse_text, parse_xml
from freshet.tasks.documents.parse.ocr import parse_image
from freshet.tasks.documents.parse.office import check_container, parse_docx
from freshet.tasks.documents.parse.pandoc import has_pandoc, parse_pandoc
from freshet.tasks.documents.parse.pdf.pages import parse_pdf
from freshet.tasks.documents.parse.refusal import Refused
from freshet.tasks.documents.parse.tabular import parse_csv, parse_tsv
from freshet.tasks.documents.parse.tagger import install_tagger, is_verb

GIGABYTE = 1_000_000_000


@pytest.fixture(scope="module", autouse=True)
def _tagger() -> None:
    install_tagger()


def _markdown(folder: Path, text: str) -> ParsedDocument:
    path = folder / "a.md"
    path.write_bytes(text.encode("utf-8", errors="surrogatepass"))
    return parse_markdown(str(path))


def _elements(document: ParsedDocument) -> list[tuple[str, int, str]]:
    return [(e.kind, e.level, document.text[e.start : e.end]) for e in document.elements]


def _stated(document: ParsedDocument) -> dict[str, Any]:
    return {key: value for key, value in document.properties.items() if key not in ADDED_PROPERTIES}


def _code(refused: pytest.ExceptionInfo[Refused]) -> str:
    return refused.value.code


# Markdown


def test_markdown_keeps_headings_lists_code_and_tables(tmp_path: Path) -> None:
    document = _markdown(
        tmp_path,
        "# Leave\nBook it:\n- ask your *lead*\n- wait\n  - a day\n\n  or two\n\n"
        "1. run\n   ```sh\n   ls -l\n     cat\n   ```\n2. done\n\n"
        "Under\n-----\n\n| a | b |\n|---|---|\n| 1 | `2` |\n\n> quoted [link](http://x.org) ![pic](p.png)\n\n"
        "---\nx<br>y\n",
    )
    assert _elements(document) == [
        ("Title", 1, "Leave"),
        ("NarrativeText", 0, "Book it:"),
        ("ListItem", 0, "ask your lead"),
        ("ListItem", 0, "wait"),
        ("ListItem", 0, "a day"),
        ("NarrativeText", 0, "or two"),
        ("ListItem", 0, "run"),
        ("CodeSnippet", 0, "ls -l\n  cat"),
        ("ListItem", 0, "done"),
        ("Title", 2, "Under"),
        ("Table", 0, "a | b\n1 | 2"),
        ("NarrativeText", 0, "quoted link pic"),
        ("NarrativeText", 0, "x\ny"),
    ]
    assert document.title == "Leave"


def test_front_matter_is_properties_and_title_but_not_text(tmp_path: Path) -> None:
    document = _markdown(tmp_path, "---\ntitle: Über uns\ndate: 2024-05-01\ntags: [a, b]\n---\n\nHello.\n")
    assert document.text == "Hello."
    assert document.title == "Über uns"
    assert _stated(document) == {"title": "Über uns", "date": "2024-05-01", "tags": ["a", "b"]}


def test_toml_front_matter_is_read_too(tmp_path: Path) -> None:
    document = _markdown(tmp_path, '+++\ntitle = "T"\n+++\nHello.\n')
    assert (document.title, document.text) == ("T", "Hello.")


def test_front_matter_that_is_not_well_formed_is_not_text_either(tmp_path: Path) -> None:
    document = _markdown(tmp_path, "---\ntitle: a: b\nlist: [1\n---\nHello.\n")
    assert document.text == "Hello."
    assert document.title == "a: b"


def test_a_rule_between_paragraphs_is_no_front_matter(tmp_path: Path) -> None:
    document = _markdown(tmp_path, "---\nJust a sentence.\n\n---\nAnother.\n")
    assert "Just a sentence." in document.text
    assert _stated(document) == {}


def test_front_matter_cannot_be_a_bomb(tmp_path: Path) -> None:
    levels = "\n".join(f"k{n}: &k{n} [{', '.join([f'*k{n - 1}'] * 10)}]" for n in range(1, 30))
    document = _markdown(tmp_path, f"---\nk0: &k0 x\n{levels}\n---\nHello.\n")
    assert document.text == "Hello."
    assert len(json.dumps(document.properties)) < 10_000


def test_raw_html_gives_its_text_without_scripts(tmp_path: Path) -> None:
    document = _markdown(
        tmp_path,
        "<div>\n\n# Inside\n\n</div>\n\n<script>\nsteal()\n</script>\n\n<!-- secret -->\n\n"
        "<details><summary>More</summary><p>One</p><p>Two <b>bold</b></p></details>\n\n"
        "<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>\n",
    )
    assert _elements(document) == [
        ("Title", 1, "Inside"),
        ("NarrativeText", 0, "More"),
        ("NarrativeText", 0, "One"),
        ("NarrativeText", 0, "Two bold"),
        ("Table", 0, "a | b\n1 | 2"),
    ]


def test_template_tags_are_neither_text_nor_in_the_way_of_links(tmp_path: Path) -> None:
    document = _markdown(
        tmp_path,
        '{% include "warning.html" %}\n\nSee **[Slack]({% page "/tools/slack/" %})** and [home]({{ site.url }}/).\n\n'
        '{% alert %}\nMind the gap.\n{% endalert %}\n\nWrite `{% raw %}`.\n\n<img src="x.png" alt="A chart">\n',
    )
    assert [text for _, _, text in _elements(document)] == [
        "See Slack and home.",
        "Mind the gap.",
        "Write {% raw %}.",
        "A chart",
    ]


def test_a_document_of_front_matter_alone_is_empty(tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        _markdown(tmp_path, "---\ntitle: Moved\nredirect_to: /there/\n---\n")
    assert _code(refused) == "PARSE-EMPTY"


# Encodings


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252", "utf-16-le", "utf-16-be"],
)
def test_text_is_read_in_its_encoding(encoding: str) -> None:
    text = "Zürich costs 15,50 €: “café” and naïve déjà vu, every day of the year.\r\n" * 3
    assert decode(text.encode(encoding)) == text


def test_big_endian_marks_are_believed() -> None:
    assert decode(b"\xfe\xff" + "ä".encode("utf-16-be")) == "ä"
    assert decode(b"\x00\x00\xfe\xff" + "ä".encode("utf-32-be")) == "ä"


def test_what_markup_states_counts_where_it_is_not_utf8() -> None:
    page = '<meta charset="shift_jis"><p>日本語のページ</p>'
    assert decode(page.encode("shift_jis"), markup=True) == page
    assert decode(page.encode("utf-8"), markup=True) == page  # a wrong statement, and plain to see
    iso = '<?xml version="1.0" encoding="ISO-2022-JP"?><p>日本語</p>'
    assert decode(iso.encode("iso2022_jp"), markup=True) == iso


def test_latin1_means_cp1252_as_in_browsers() -> None:
    assert decode(b"<meta charset=iso-8859-1>\x93quoted\x94 \x80", markup=True).endswith("“quoted” €")


def test_a_text_in_another_alphabet_is_guessed_and_not_taken_for_latin() -> None:
    text = "Это обычный русский текст, написанный в старой кодировке, и его нужно прочитать верно. " * 5
    assert decode(text.encode("cp1251")) == text


def test_bytes_that_no_encoding_explains_do_not_fail() -> None:
    assert isinstance(decode(bytes(range(256)) * 4), str)
    assert isinstance(decode(b"\x81\x8d\x8f\x90\x9d", charset="rot13"), str)


def test_clean_text_is_valid_utf8_without_controls() -> None:
    text = clean("a\0b\ud800c\x1b[0m\u00a0d\r\ne\x0b\u2028f")
    assert text.encode("utf-8")
    assert text == "ab\ufffdc[0m d\ne\nf"


def test_documents_survive_json_whatever_they_hold() -> None:
    properties = {"n": float("nan"), "k\ud800": {1: b"raw"}, "s": {"x"}}
    document = build([Block("Title", "T\ud800", 1), Block("NarrativeText", "😀 \0")], "t\ud83d", properties)
    assert from_json(to_json(document).encode("utf-8").decode("utf-8")) == document
    assert document.properties == {"n": "nan", "k\ufffd": {"1": "3 bytes"}, "s": ["x"]}
    assert jsonable(None) is None


# HTML, XML, text, tables


def test_html_that_states_an_xml_encoding_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    head = "<?xml version='1.0' encoding='iso-8859-1'?><html><head><title>Größe &amp; Maß</title></head>"
    path.write_bytes(f"{head}<body><h2>Größe</h2><p>Das Maß ist voll.</p></body></html>".encode("latin-1"))
    document = parse_html(str(path))
    assert document.title == "Größe & Maß"
    assert _elements(document)[0] == ("Title", 2, "Größe")
    assert "Das Maß ist voll." in document.text


def test_an_entity_bomb_does_not_go_off(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    path.write_text(f'<!DOCTYPE r [<!ENTITY e0 "lol">{entities}]><r><a>&e11;</a><b>kept</b></r>')
    with pytest.raises(Refused) as refused:
        parse_xml(str(path))
    assert _code(refused) == "PARSE-CORRUPT"


def test_an_external_entity_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("the secret plan")
    path = tmp_path / "a.xml"
    path.write_text(f'<!DOCTYPE r [<!ENTITY x SYSTEM "{tmp_path}/secret.txt">]><r><a>&x;</a><b>kept</b></r>')
    document = parse_xml(str(path))
    assert "kept" in document.text
    assert "secret plan" not in document.text


def test_xml_keeps_mixed_content_whole_and_records_together(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text(
        '<d xmlns="urn:x"><t>Head</t><p>One <b>bold</b> word.</p>'
        "<r><name>Ada</name><age>36</age></r><!-- no --><z/></d>"
    )
    assert _elements(parse_xml(str(path))) == [
        ("UncategorizedText", 0, "t: Head"),
        ("NarrativeText", 0, "One bold word."),
        ("UncategorizedText", 0, "name: Ada\nage: 36"),
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_keeps_every_cell_as_it_stands(tmp_path: Path, delimiter: str) -> None:
    path = tmp_path / "a.csv"
    rows = [["id", "name", "note"], ["007", '"Bond, James"', '"two\nlines"'], ["008", "", ""], ["short"]]
    path.write_text("\n".join(delimiter.join(row) for row in rows))
    (element,) = _elements(parse_csv(str(path)))
    assert element == ("Table", 0, "id | name | note\n007 | Bond, James | two lines\n008\nshort")


def test_tsv_does_not_split_at_commas(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text("a, b\tc\n")
    assert parse_tsv(str(path)).text == "a, b | c"


def test_a_text_longer_than_spacys_limit_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("It was a long day. " * 70_000 + "\n\nThe end is here.")
    assert parse_text(str(path)).text.endswith("The end is here.")


def test_verbs_are_told_from_nouns() -> None:
    assert all(is_verb(word) for word in ("is", "Submit", "working", "decided", "doesn't"))
    assert not any(is_verb(word) for word in ("table", "Thursday", "king", "red", "Bed"))


# Mail


def test_encrypted_mail_is_told_from_signed_mail(tmp_path: Path) -> None:
    path = tmp_path / "a.eml"
    head = "From: a@b.c\nSubject: Plan\nMIME-Version: 1.0\n"
    for body in (
        "Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m\n\nMIIB",
        "Content-Type: text/plain\n\n-----BEGIN PGP MESSAGE-----\nhQEMA\n-----END PGP MESSAGE-----\n",
    ):
        path.write_text(head + body)
        with pytest.raises(Refused) as refused:
            parse_eml(str(path))
        assert _code(refused) == "PARSE-ENCRYPTED"
    path.write_text(
        f'{head}Content-Type: multipart/signed; protocol="application/pgp-signature"; boundary=x\n\n'
        "--x\nContent-Type: text/plain\n\nWe meet at noon.\n--x\n"
        "Content-Type: application/pgp-signature; name=s.asc\n\n-----BEGIN PGP SIGNATURE-----\n--x--\n"
    )
    assert "We meet at noon." in parse_eml(str(path)).text


def test_a_mail_in_cp1252_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.eml"
    path.write_bytes(
        b"Subject: =?iso-8859-1?q?Gr=F6=DFe?=\nContent-Type: text/plain; charset=windows-1252\n\nF\xfcr 5 \x80.\n"
    )
    assert parse_eml(str(path)).text == "Größe\n\nFür 5 €."


# Containers


def _zip(path: Path, members: dict[str, bytes]) -> str:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return str(path)


def test_a_container_that_unfolds_beyond_memory_is_refused_before_it_is_unfolded(tmp_path: Path) -> None:
    bomb = _zip(tmp_path / "a.docx", {"word/document.xml": bytes(80_000_000)})
    with pytest.raises(Refused) as refused:
        parse_docx(bomb, memory=100_000_000)
    assert _code(refused) == "PARSE-MEMORY"
    assert refused.value.evidence["unfolds_to"] == 80_000_000


@pytest.mark.skipif(not has_pandoc(), reason="the pandoc extra is not installed")
def test_a_container_that_understates_its_size_is_found_out(tmp_path: Path) -> None:
    path = tmp_path / "a.odt"
    _zip(path, {"mimetype": b"application/vnd.oasis.opendocument.text", "content.xml": bytes(90_000_000)})
    data = path.read_bytes()
    path.write_bytes(data.replace((90_000_000).to_bytes(4, "little"), (1000).to_bytes(4, "little")))
    with pytest.raises(Refused) as refused:
        parse_pandoc(str(path), "odt", memory=100_000_000)
    assert _code(refused) == "PARSE-MEMORY"


def test_without_the_pandoc_extra_its_types_name_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("freshet.tasks.documents.parse.pandoc.has_pandoc", lambda: False)
    with pytest.raises(Refused) as refused:
        parse_pandoc(str(tmp_path / "a.odt"), "odt", GIGABYTE)
    assert _code(refused) == "PARSE-EXTRA"
    assert refused.value.evidence == {"extra": "pandoc", "type": "odt", "install": "pip install 'freshet[pandoc]'"}


def test_without_the_ocr_extra_an_image_names_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("freshet.tasks.documents.parse.ocr.has_ocr", lambda: False)
    with pytest.raises(Refused) as refused:
        parse_image(str(tmp_path / "a.png"))
    assert _code(refused) == "PARSE-EXTRA"
    assert refused.value.evidence["extra"] == "ocr"


def test_a_damaged_container_is_corrupt(tmp_path: Path) -> None:
    path = tmp_path / "a.docx"
    path.write_bytes(b"PK\x03\x04 and then nothing that makes sense")
    with pytest.raises(Refused) as refused:
        check_container(str(path), "docx", GIGABYTE)
    assert _code(refused) == "PARSE-CORRUPT"


def test_a_damaged_pdf_is_corrupt(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(b"%PDF-1.7\nnothing follows")
    with pytest.raises(Refused) as refused:
        parse_pdf(str(path), lambda: None)
    assert _code(refused) == "PARSE-CORRUPT"


def test_a_blank_pdf_is_empty_and_not_scanned(tmp_path: Path) -> None:
    import pypdfium2

    path = tmp_path / "a.pdf"
    pdf = pypdfium2.PdfDocument.new()
    pdf.new_page(200, 200)
    pdf.save(path)
    with pytest.raises(Refused) as refused:
        parse_pdf(str(path), lambda: None)
    assert _code(refused) == "PARSE-EMPTY"


# Kinds and fingerprints


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("a.md", b"# x", "markdown"),
        ("a.txt", b"%PDF-1.4 ...", "pdf"),
        ("a.pdf", b"<html>", "pdf"),
        ("a.HTM", b"<html>", "html"),
        ("README", b"plain words", "text"),
        ("page", b"  <!DOCTYPE html><html>", "html"),
        ("data", b"\x00\x01\x02", "binary"),
        ("a.zip", b"PK\x05\x06", "zip"),
        ("a.weird", b"words", "weird"),
        ("scan", b"\x89PNG\r\n\x1a\n", "image"),
        ("a.JPG", b"\xff\xd8\xff", "image"),
        ("notes.txt", b"{\\rtf1 x}", "rtf"),
        ("plan.docx", b"%PDF-1.4 ...", "pdf"),
        ("plan.pdf", b"\x89PNG\r\n\x1a\n", "image"),
        ("old.doc", b"{\\rtf1 x}", "rtf"),
    ],
)
def test_the_suffix_decides_and_the_bytes_may_object(tmp_path: Path, name: str, data: bytes, kind: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    assert kind_of(str(path), name) == kind


def test_an_office_file_under_another_office_suffix_is_what_it_is(tmp_path: Path) -> None:
    path = _zip(tmp_path / "x", {"xl/workbook.xml": b"<x/>"})
    assert kind_of(path, "report.docx") == "xlsx"
    assert kind_of(path, "report") == "xlsx"


def test_fingerprints_differ_by_kind_and_say_what_they_depend_on() -> None:
    import pypdfium2

    assert parser_fingerprint("a/b.md") == parser_fingerprint("C.MARKDOWN")
    assert str(pypdfium2.version.PYPDFIUM_INFO) in parser_fingerprint("a.pdf")
    assert parser_fingerprint("a.docx").startswith("docx-3;lxml-")
    assert parser_fingerprint("a.docx") == parser_fingerprint("a.DOTM") != parser_fingerprint("a.ppsx")
    assert parser_fingerprint("a.md").startswith("markdown-3;markdown-it-py-")
    assert all("tinycss2-" in parser_fingerprint(f"a.{suffix}") for suffix in ("html", "md", "eml", "msg", "xyz"))
    assert "rules-" in parser_fingerprint("a.html") or "en_core_web_sm" in parser_fingerprint("a.html")
    assert ("pypandoc" in parser_fingerprint("a.rst")) == has_pandoc()
    assert len({parser_fingerprint(f"a.{suffix}") for suffix in ("md", "pdf", "docx", "rst", "png", "xyz")}) == 6


def test_comments_change_the_fingerprints_of_the_kinds_that_have_them_and_no_others() -> None:
    changed = {
        suffix
        for suffix in (*SUFFIXES, "xyz", "")
        if parser_fingerprint(f"a.{suffix}", comments=True) != parser_fingerprint(f"a.{suffix}", comments=False)
    }
    commented = ("docx", "pptx", "xlsx", "ods", "odp", "pdf")
    assert changed == {*(one for one, kind in SUFFIXES.items() if kind in commented), "xyz", ""}
    assert parser_fingerprint("a.docx", comments=False) == parser_fingerprint("a.docx")


def test_fingerprints_import_no_parser() -> None:
    code = (
        "import sys; from freshet.tasks.documents.parse.fingerprint import parser_fingerprint as f; "
        "from freshet.tasks.documents.parse import pool; [f('a.'+s) for s in 'md pdf docx rst png x'.split()];"
        "print([m for m in ('unstructured', 'pypdfium2', 'spacy', 'torch', 'lxml', 'markdown_it') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert done.stdout.strip() == "[]"
