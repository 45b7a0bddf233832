"""Which parser reads which kind of file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from freshet.tasks.documents.elements import ParsedDocument
from freshet.tasks.documents.parse.kinds import PANDOC_KINDS


@dataclass(frozen=True)
class Context:
    """What a parser may know about the process that it runs in, and what it is to read.

    Attributes:
        memory: the process's limit, in bytes.
        progress: to be called where long work advances, so that it is not taken for a stall.
        comments: whether comments are text.
    """

    memory: int
    progress: Callable[[], None]
    comments: bool = False


@dataclass(frozen=True)
class Parser:
    """A way to read one kind of file.

    Attributes:
        load: imports what parsing needs; its time is not the document's.
        parse: path and context → document; raises `Refused`, or anything else for a damaged file.
    """

    load: Callable[[], None]
    parse: Callable[[str, Context], ParsedDocument]


Registry = Mapping[str, Callable[[], Parser]]
"""Kind → a function that imports and returns its parser."""


def _nothing() -> None:
    return None


def _loading(*formats: str) -> Callable[[], None]:
    def load() -> None:
        from freshet.tasks.documents.parse.adapter import prepare

        prepare(*formats)

    return load


def _xml_library() -> None:
    from lxml import etree  # noqa: F401


def _pdf() -> Parser:
    from freshet.tasks.documents.parse.active.found import with_active
    from freshet.tasks.documents.parse.active.pdf import active_in_pdf
    from freshet.tasks.documents.parse.ocr import parse_scanned_pdf
    from freshet.tasks.documents.parse.pdf.pages import load_pdfium, parse_pdf
    from freshet.tasks.documents.parse.refusal import Refused

    def parse(path: str, context: Context) -> ParsedDocument:
        try:
            document = parse_pdf(path, context.progress, context.comments)
        except Refused as refusal:
            if refusal.code != "PARSE-EXTRA":
                raise
            document = parse_scanned_pdf(path, refusal)
        return with_active(document, active_in_pdf(path))

    return Parser(load_pdfium, parse)


def _markdown() -> Parser:
    from freshet.tasks.documents.parse import markdown

    return Parser(markdown.load, lambda path, _: markdown.parse_markdown(path))


def _docx() -> Parser:
    from freshet.tasks.documents.parse import office

    return Parser(_xml_library, lambda path, context: office.parse_docx(path, context.memory, context.comments))


def _pptx() -> Parser:
    from freshet.tasks.documents.parse import office

    return Parser(_xml_library, lambda path, context: office.parse_pptx(path, context.memory, context.comments))


def _xlsx() -> Parser:
    from freshet.tasks.documents.parse.sheets import parse

    return Parser(_loading("text"), lambda path, context: parse.parse_xlsx(path, context.memory, context.comments))


def _ods() -> Parser:
    from freshet.tasks.documents.parse.sheets import parse

    return Parser(_loading("text"), lambda path, context: parse.parse_ods(path, context.memory, context.comments))


def _odp() -> Parser:
    from freshet.tasks.documents.parse.sheets import parse

    return Parser(_nothing, lambda path, context: parse.parse_odp(path, context.memory, context.comments))


def _binary_workbook(kind: str) -> Callable[[], Parser]:
    def make() -> Parser:
        from freshet.tasks.documents.parse.sheets import parse

        return Parser(_loading("text"), lambda path, context: parse.parse_binary_workbook(path, kind, context.memory))

    return make


def _html() -> Parser:
    from freshet.tasks.documents.parse import markup

    return Parser(_loading("html"), lambda path, _: markup.parse_html(path))


def _epub() -> Parser:
    from freshet.tasks.documents.parse import epub

    return Parser(_loading("html"), lambda path, context: epub.parse_epub(path, context.memory))


def _xml() -> Parser:
    from freshet.tasks.documents.parse import markup

    return Parser(_nothing, lambda path, _: markup.parse_xml(path))


def _text() -> Parser:
    from freshet.tasks.documents.parse import markup

    return Parser(_loading("text"), lambda path, _: markup.parse_text(path))


def _csv() -> Parser:
    from freshet.tasks.documents.parse import tabular

    return Parser(_nothing, lambda path, _: tabular.parse_csv(path))


def _tsv() -> Parser:
    from freshet.tasks.documents.parse import tabular

    return Parser(_nothing, lambda path, _: tabular.parse_tsv(path))


def _eml() -> Parser:
    from freshet.tasks.documents.parse.mail import messages

    return Parser(_loading("html", "text"), lambda path, _: messages.parse_eml(path))


def _msg() -> Parser:
    from freshet.tasks.documents.parse.mail import outlook

    return Parser(_loading("html", "text"), lambda path, _: outlook.parse_msg(path))


def _image() -> Parser:
    from freshet.tasks.documents.parse import ocr

    return Parser(_nothing, lambda path, _: ocr.parse_image(path))


def _pandoc(kind: str) -> Callable[[], Parser]:
    def make() -> Parser:
        from freshet.tasks.documents.parse import pandoc

        return Parser(pandoc.load_pandoc, lambda path, context: pandoc.parse_pandoc(path, kind, context.memory))

    return make


PARSERS: Registry = {
    "pdf": _pdf,
    "markdown": _markdown,
    "docx": _docx,
    "pptx": _pptx,
    "xlsx": _xlsx,
    "xls": _binary_workbook("xls"),
    "xlsb": _binary_workbook("xlsb"),
    "ods": _ods,
    "odp": _odp,
    "html": _html,
    "epub": _epub,
    "xml": _xml,
    "text": _text,
    "csv": _csv,
    "tsv": _tsv,
    "eml": _eml,
    "msg": _msg,
    "image": _image,
    **{kind: _pandoc(kind) for kind in PANDOC_KINDS},
}
