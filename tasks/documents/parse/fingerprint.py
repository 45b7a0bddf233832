"""The fingerprint of everything but its bytes that decides how a document is parsed."""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version

from freshet.tasks.documents.parse.kinds import PANDOC_KINDS, SUFFIXES, suffix_of
from freshet.tasks.documents.parse.ocr import has_ocr
from freshet.tasks.documents.parse.pandoc import has_pandoc
from freshet.tasks.documents.parse.tagger import MODEL, RULES_VERSION, has_model

_VERSION = "3"
"""Raised whenever our own code would give another result for the same bytes."""

_CSS = ("tinycss2", "cssselect2")
"""What tells the hidden text of HTML, also of HTML within Markdown and mail."""

_GUESSED = ("chardet",)
"""What guesses an encoding."""

_PACKAGES: dict[str, tuple[str, ...]] = {
    "pdf": ("pypdfium2",),
    "markdown": ("markdown-it-py", *_CSS, *_GUESSED),
    "csv": _GUESSED,
    "tsv": _GUESSED,
    "xml": _GUESSED,
    "html": ("unstructured", *_CSS, *_GUESSED),
    "epub": ("unstructured", *_CSS),
    "text": ("unstructured", *_GUESSED),
    "eml": ("unstructured", *_CSS, *_GUESSED),
    "msg": ("unstructured", "python-oxmsg", *_CSS),
    "docx": ("lxml",),
    "pptx": ("lxml",),
    "xlsx": ("unstructured", "lxml"),
    "xls": ("unstructured", "python-calamine"),
    "xlsb": ("unstructured", "python-calamine"),
    "ods": ("unstructured", "lxml"),
    "odp": ("lxml",),
    "image": (),
}
_TAGGED = frozenset({"html", "epub", "text", "eml", "msg", "xlsx", "xls", "xlsb", "ods", *PANDOC_KINDS})
_BY_RULES = frozenset({"docx", "pptx"})
"""Kinds whose prose is told by the rules of `tagger`, also where the model is installed."""

_COMMENTED = frozenset({"docx", "pptx", "xlsx", "ods", "odp", "pdf", "other"})
"""Kinds whose comments are text where the settings say so; what a file of another suffix is, its bytes say."""

COMMENTS = ";comments"
"""Stands in the fingerprint of a parser for which comments are text."""


def parser_fingerprint(name: str, *, comments: bool = False) -> str:
    """Returns a short text that stays the same as long as the document called `name` would be parsed in the same way.

    It reads the versions of installed packages and imports no parser. When it changes, documents are parsed again.

    Args:
        name: the document's path.
        comments: whether comments are text.
    """
    kind = SUFFIXES.get(suffix_of(name), "other")
    return _of_kind(kind) + (COMMENTS if comments and kind in _COMMENTED else "")


@lru_cache(maxsize=64)
def _of_kind(kind: str) -> str:
    parts = [f"{kind}-{_VERSION}"]
    if kind in PANDOC_KINDS:
        packages: tuple[str, ...] = ("pypandoc_binary", "unstructured") if has_pandoc() else ()
        parts.append("" if has_pandoc() else "no-pandoc")
    else:
        # A file whose suffix says nothing is read as what its bytes say.
        packages = _PACKAGES.get(kind, ("pypdfium2", "unstructured", "lxml", *_CSS))
    parts += [f"{package}-{_version(package)}" for package in packages]
    if kind in _TAGGED or kind == "other":
        parts.append(f"{MODEL}-{_version('en-core-web-sm')}" if has_model() else f"rules-{RULES_VERSION}")
    if kind in _BY_RULES:
        parts.append(f"rules-{RULES_VERSION}")
    if kind in ("pdf", "image", "other"):
        parts.append("ocr" if has_ocr() else "no-ocr")
    return ";".join(part for part in parts if part)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"
