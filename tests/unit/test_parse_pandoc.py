"""What is read of RTF, RST, Org and ODT beside what pandoc makes of them by itself."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from freshet.tasks.documents.parse.pandoc import has_pandoc, parse_pandoc
from freshet.tasks.documents.parse.pandoc_includes import without_included_tables
from freshet.tasks.documents.parse.refusal import Refused
from freshet.tasks.documents.parse.rtf import rtf_in_unicode
from freshet.tasks.documents.parse.tagger import install_tagger

GIGABYTE = 1_000_000_000
needs_pandoc = pytest.mark.skipif(not has_pandoc(), reason="the pandoc extra is not installed")


@pytest.fixture(scope="module", autouse=True)
def _tagger() -> None:
    install_tagger()


def text_of(folder: Path, kind: str, data: bytes) -> str:
    path = folder / f"a.{kind}"
    path.write_bytes(data)
    return parse_pandoc(str(path), kind, GIGABYTE).text


def escaped(text: str, encoding: str) -> str:
    return "".join(f"\\'{byte:02x}" if byte > 127 or byte in b"\\{}" else chr(byte) for byte in text.encode(encoding))


CHARSETS = "".join(
    f"{{\\f{number}\\fnil\\fcharset{charset} Arial;}}" for number, charset in enumerate((0, 238, 204, 128))
)
FONTS = f"{{\\fonttbl{CHARSETS}}}"


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("\\ansi\\ansicpg1250 " + escaped("Zażółć gęślą", "cp1250"), "Zażółć gęślą"),
        ("\\ansi\\ansicpg1253 " + escaped("Αίτηση", "cp1253"), "Αίτηση"),
        ("\\mac " + escaped("Köln", "mac_roman"), "Köln"),
        ("\\pca " + escaped("Köln", "cp850"), "Köln"),
        ("\\ansi\\ansicpg65001 " + escaped("Köln", "utf-8"), "Köln"),
        ("\\ansi\\ansicpg9999 " + escaped("Köln", "cp1252"), "Köln"),
        (
            f"\\ansi\\deff0{FONTS}{escaped('Köln', 'cp1252')} {{\\f1 {escaped('Łódź', 'cp1250')}}} \\f2 "
            f"{escaped('Срок', 'cp1251')}\\plain  {escaped('é', 'cp1252')}",
            "Köln Łódź Срок é",
        ),
        (f"\\ansi{FONTS}\\f3 {escaped('表と申請', 'cp932')} end", "表と申請 end"),
        ("Smile \\u-10179?\\u-8704? now", "Smile \U0001f600 now"),
        ("\\uc0\\u55357\\u56832 now", "\U0001f600now"),
        ("\\uc2\\u233\\'65\\'65 \\u233 ab{\\u233 xyz}", "é ééz"),
        ("a\\u-10179?b", "a\ufffdb"),
        ("Zażółć", "Zażółć"),
        ("a \\{b\\} \\u123?c\\u125?", "a {b} {c}"),
    ],
)  # fmt: skip
@needs_pandoc
def test_rtf_is_read_in_its_code_pages(tmp_path: Path, body: str, found: str) -> None:
    assert text_of(tmp_path, "rtf", f"{{\\rtf1{body}\\par}}".encode()) == found


@needs_pandoc
def test_rtf_with_bytes_that_are_not_escaped_is_read_in_its_code_page(tmp_path: Path) -> None:
    data = b"{\\rtf1\\ansi\\ansicpg1251 " + "Заявление".encode("cp1251") + b"\\par}"
    assert text_of(tmp_path, "rtf", data) == "Заявление"


@pytest.mark.parametrize("data", [b"", b"{\\rtf1", b"}}}\\", b"\\'e", b"\\u99999 x", b"{\\rtf1\\bin5 {}\\{}\\f0 x}"])
def test_damaged_rtf_and_pictures_in_it_are_left_as_they_are(data: bytes) -> None:
    assert isinstance(rtf_in_unicode(data), str)
    assert "{}\\{}" in rtf_in_unicode(b"{\\bin5 {}\\{}x}")


@pytest.mark.parametrize(
    ("directive", "kept", "includes"),
    [
        (".. csv-table:: Fees\n   :header: a, b\n   :file: data.csv", "Fees", ["data.csv"]),
        (".. csv-table:: Fees\n   :url: https://a.example/x", "", ["https://a.example/x"]),
        (".. include:: other.rst", "", ["other.rst"]),
        (".. literalinclude:: a.py\n   :lines: 1-3", "", ["a.py"]),
        (".. raw:: html\n   :file: x.html", "", ["x.html"]),
        (".. csv-table:: Kept\n\n   1,2", "1 | 2", []),
    ],
)  # fmt: skip
@needs_pandoc
def test_rst_that_includes_a_file_is_read_without_it_and_says_so(
    tmp_path: Path, directive: str, kept: str, includes: list[str]
) -> None:
    path = tmp_path / "a.rst"
    path.write_text(f"Title\n=====\n\n{directive}\n\nBody.\n")
    document = parse_pandoc(str(path), "rst", GIGABYTE)
    assert document.text.startswith("Title\n\n")
    assert document.text.endswith("Body.")
    assert kept in document.text
    assert document.properties.get("includes", []) == includes


@needs_pandoc
def test_org_that_includes_a_file_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.org"
    path.write_text('* Title\n#+INCLUDE: "other.org" src\n#+include: more.org\nBody.\n')
    document = parse_pandoc(str(path), "org", GIGABYTE)
    assert document.text == "Title\n\nBody."
    assert document.properties == {"includes": ["other.org", "more.org"], "left_out": {"included files": 2}}


def test_only_the_file_of_a_table_is_taken_out() -> None:
    kept = ".. figure:: x\n   :file: a\n\n.. csv-table::\n   :header: a\n\n   :file: b\n"
    assert without_included_tables(kept) == kept
    assert without_included_tables(".. csv-table:: T\n   :header: a\n   :file: b\n   :widths: 1\n") == (
        ".. csv-table:: T\n   :header: a\n   :widths: 1\n"
    )


@needs_pandoc
def test_definitions_and_captions_of_rst_are_read(tmp_path: Path) -> None:
    source = b"Deposit\n    Forty euros.\n\n.. figure:: x.png\n\n   The pump\n\n   Built in 1904.\n"
    assert text_of(tmp_path, "rst", source) == "Deposit: Forty euros.\n\nThe pump\n\nBuilt in 1904."


NAMES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for name in ("office", "text", "style", "manifest")
)


def odt(path: Path, styles: str = "", manifest: str = "") -> Path:
    masters = f"<office:styles/><office:automatic-styles/><office:master-styles>{styles}</office:master-styles>"
    body = "<office:body><office:text><text:p>Body.</text:p></office:text></office:body>"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.text")
        archive.writestr("content.xml", f"<office:document-content {NAMES}>{body}</office:document-content>")
        archive.writestr("styles.xml", f"<office:document-styles {NAMES}>{masters}</office:document-styles>")
        archive.writestr("META-INF/manifest.xml", f"<manifest:manifest {NAMES}>{manifest}</manifest:manifest>")
    return path


@needs_pandoc
def test_headers_and_footers_of_odt_are_text_once(tmp_path: Path) -> None:
    footer = (
        "<style:footer><text:p>Alder<text:s/>Water, page <text:page-number>1</text:page-number></text:p></style:footer>"
    )
    styles = (
        f"<style:master-page><style:header><text:p>Draft</text:p></style:header>{footer}</style:master-page>"
        f"<style:master-page>{footer}<style:header-left><text:p>Left</text:p></style:header-left>"
        '<style:footer-first style:display="false"><text:p>Unseen</text:p></style:footer-first></style:master-page>'
    )
    document = parse_pandoc(str(odt(tmp_path / "a.odt", styles)), "odt", GIGABYTE)
    assert document.text == "Body.\n\nDraft\n\nAlder Water, page\n\nLeft"


@needs_pandoc
def test_a_locked_odt_is_encrypted(tmp_path: Path) -> None:
    locked = odt(tmp_path / "a.odt", manifest="<manifest:file-entry><manifest:encryption-data/></manifest:file-entry>")
    with pytest.raises(Refused) as refused:
        parse_pandoc(str(locked), "odt", GIGABYTE)
    assert refused.value.code == "PARSE-ENCRYPTED"
