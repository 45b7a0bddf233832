"""Small Word and PowerPoint files, made of the XML that a test is about."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
NAMES = (
    'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" '
    f'xmlns:r="{OFFICE}" '
    'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart" '
    'xmlns:cx="http://schemas.microsoft.com/office/drawing/2014/chartex" '
    'xmlns:dgm="http://schemas.openxmlformats.org/drawingml/2006/diagram" '
    'xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" '
    'xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape" '
    'xmlns:v="urn:schemas-microsoft-com:vml"'
)
WORD_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
SLIDES_TYPE = "application/vnd.openxmlformats-officedocument.presentationml.presentation.main+xml"
_INCH = 914_400


def part(tag: str, inner: str) -> str:
    """The XML of a part: a root of this name around some XML."""
    return f'<?xml version="1.0"?><{tag} {NAMES}>{inner}</{tag}>'


def rels(*targets: tuple[str, str, str]) -> str:
    """A part of relationships, each given by its id, the last word of its type, and its target."""
    inner = "".join(
        f'<Relationship Id="{key}" Type="{OFFICE}/{kind}" Target="{target}"/>' for key, kind, target in targets
    )
    return (
        f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{inner}</Relationships>'
    )


def zipped(path: Path, members: Mapping[str, str | bytes]) -> str:
    """Writes a container and returns its path."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return str(path)


def types(main: str, media: str, **by_suffix: str) -> str:
    """The container's list of media types."""
    defaults = "".join(f'<Default Extension="{suffix}" ContentType="{one}"/>' for suffix, one in by_suffix.items())
    space = "http://schemas.openxmlformats.org/package/2006/content-types"
    return f'<Types xmlns="{space}">{defaults}<Override PartName="/{main}" ContentType="{media}"/></Types>'


def word_members(
    body: str, sides: Mapping[str, tuple[str, str | bytes]] | None = None, media: str = WORD_TYPE, **by_suffix: str
) -> dict[str, str | bytes]:
    """The members of a Word file. Each of its `sides` is a part: id → (the last word of its type, content).

    An id may hold a suffix ("chunk.html"), which its part's name then has; else it is a part of XML.
    """
    sides = sides or {}
    names = {key: key if "." in key else f"{key}.xml" for key in sides}
    return {
        "[Content_Types].xml": types("word/document.xml", media, **by_suffix),
        "_rels/.rels": rels(("r1", "officeDocument", "word/document.xml")),
        "word/document.xml": part("w:document", f"<w:body>{body}</w:body>"),
        "word/_rels/document.xml.rels": rels(*((key, kind, names[key]) for key, (kind, _) in sides.items())),
        **{f"word/{names[key]}": content for key, (_, content) in sides.items()},
    }


def p(text: str, style: str = "", properties: str = "") -> str:
    """A paragraph of one run."""
    named = f'<w:pStyle w:val="{style}"/>' if style else ""
    return f"<w:p><w:pPr>{named}{properties}</w:pPr>{r(text)}</w:p>"


def r(text: str) -> str:
    """A run."""
    return f'<w:r><w:t xml:space="preserve">{text}</w:t></w:r>'


def box(
    text: str, left: float = 1, top: float = 1, *, run: str = "", shape: str = "", ph: str = "", pPr: str = ""
) -> str:
    """A shape of a slide with one paragraph; its place is in inches, its size three by one."""
    place = f'<a:off x="{int(left * _INCH)}" y="{int(top * _INCH)}"/><a:ext cx="{3 * _INCH}" cy="{_INCH}"/>'
    lines = "".join(f"<a:p>{pPr}<a:r><a:rPr>{run}</a:rPr><a:t>{line}</a:t></a:r></a:p>" for line in text.split("\n"))
    return (
        f'<p:sp><p:nvSpPr><p:cNvPr id="1" name="x"/><p:cNvSpPr/><p:nvPr>{ph}</p:nvPr></p:nvSpPr>'
        f"<p:spPr><a:xfrm>{place}</a:xfrm>{shape}</p:spPr><p:txBody>{lines}</p:txBody></p:sp>"
    )


def slide(shapes: str, attributes: str = "") -> str:
    """The XML of a slide."""
    tree = f"<p:nvGrpSpPr/><p:grpSpPr/>{shapes}"
    return part("p:sld", f"<p:cSld><p:spTree>{tree}</p:spTree></p:cSld>").replace("<p:sld ", f"<p:sld {attributes} ", 1)


def deck_members(
    *slides: str, sides: Mapping[str, tuple[str, str]] | None = None, media: str = SLIDES_TYPE
) -> dict[str, str | bytes]:
    """The members of a presentation of ten by seven and a half inches; `sides` are parts of its first slide."""
    sides = sides or {}
    numbers = range(1, len(slides) + 1)
    listed = "".join(f'<p:sldId id="{255 + n}" r:id="s{n}"/>' for n in numbers)
    size = f'<p:sldSz cx="{10 * _INCH}" cy="{int(7.5 * _INCH)}"/>'
    return {
        "[Content_Types].xml": types("ppt/presentation.xml", media),
        "_rels/.rels": rels(("r1", "officeDocument", "ppt/presentation.xml")),
        "ppt/presentation.xml": part("p:presentation", f"<p:sldIdLst>{listed}</p:sldIdLst>{size}"),
        "ppt/_rels/presentation.xml.rels": rels(*((f"s{n}", "slide", f"slides/slide{n}.xml") for n in numbers)),
        **{f"ppt/slides/slide{n}.xml": content for n, content in zip(numbers, slides, strict=True)},
        "ppt/slides/_rels/slide1.xml.rels": rels(*((key, kind, f"{key}.xml") for key, (kind, _) in sides.items())),
        **{f"ppt/slides/{key}.xml": content for key, (_, content) in sides.items()},
    }


CHART = part(
    "c:chartSpace",
    "<c:chart><c:title><c:tx><c:rich><a:p><a:r><a:t>Visitors by harbour</a:t></a:r></a:p></c:rich></c:tx></c:title>"
    "<c:plotArea><c:barChart><c:ser><c:tx><c:strRef><c:strCache><c:pt idx='0'><c:v>Summer</c:v></c:pt></c:strCache>"
    "</c:strRef></c:tx><c:cat><c:strRef><c:strCache><c:pt idx='0'><c:v>Mossbank</c:v></c:pt><c:pt idx='1'>"
    "<c:v>Aldermouth</c:v></c:pt></c:strCache></c:strRef></c:cat><c:val><c:numRef><c:numCache>"
    "<c:formatCode>General</c:formatCode><c:pt idx='0'><c:v>19.2</c:v></c:pt><c:pt idx='1'>"
    "<c:v>21.399999999999999</c:v></c:pt></c:numCache></c:numRef></c:val></c:ser></c:barChart></c:plotArea></c:chart>",
)
DIAGRAM = part(
    "dgm:dataModel",
    "<dgm:ptLst><dgm:pt modelId='0' type='doc'/>"
    "<dgm:pt modelId='2'><dgm:t><a:p><a:r><a:t>Drain the lock</a:t></a:r></a:p></dgm:t></dgm:pt>"
    "<dgm:pt modelId='1'><dgm:t><a:p><a:r><a:t>Close the gates</a:t></a:r></a:p></dgm:t></dgm:pt></dgm:ptLst>"
    "<dgm:cxnLst><dgm:cxn srcId='0' destId='1' srcOrd='0'/><dgm:cxn srcId='0' destId='2' srcOrd='1'/></dgm:cxnLst>",
)
