"""Mail messages: the subject, then the body; who, when and the names of attachments as properties.

Each text part is read once, in order, and the best of alternatives. A message that is attached is text under its own
headers, after the body that it came with.
"""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage, Message
from pathlib import Path
from typing import Any

from freshet.tasks.documents.elements import ParsedDocument
from freshet.tasks.documents.parse.active.found import with_active
from freshet.tasks.documents.parse.active.texts import active_in_html
from freshet.tasks.documents.parse.build import Block, build
from freshet.tasks.documents.parse.decode import decode, decoded
from freshet.tasks.documents.parse.hidden import hidden_in_html
from freshet.tasks.documents.parse.html.reader import html_blocks
from freshet.tasks.documents.parse.links import html_links, with_links
from freshet.tasks.documents.parse.mail.calendar import calendar_blocks
from freshet.tasks.documents.parse.markup import text_blocks
from freshet.tasks.documents.parse.refusal import Refused

MOST_MESSAGES = 100
"""Messages within one file whose text is read."""

_HEADERS = {"from": "from", "to": "to", "cc": "cc", "date": "date", "message-id": "message_id"}
_SHOWN_HEADERS = ("from", "to", "cc", "date")
_MARKED_UP = frozenset({"text/html", "text/enriched", "text/richtext"})
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.I)
_PGP = b"-----BEGIN PGP MESSAGE-----"
_PKCS7 = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})


@dataclass
class Mail:
    """What was read of a message.

    Attributes:
        headers: those that become properties.
        parts: the blocks of each, by its words in one line and whether it is plain text.
        messages: the blocks of those that are attached.
        html: its HTML parts, in which hidden text and links are looked for.
        unread: how many files are attached that are not read, pictures left out.
        guessed: the encoding in which the first part that states none was read, where that was a guess.
    """

    subject: str
    headers: dict[str, str]
    parts: dict[tuple[str, bool], list[Block]] = field(default_factory=dict)
    messages: list[Block] = field(default_factory=list)
    html: list[str] = field(default_factory=list)
    attachments: list[str] = field(default_factory=list)
    guessed: str | None = None
    unread: int = 0

    @property
    def blocks(self) -> list[Block]:
        """What its parts say, without plain text that another part has with more structure; then attached messages."""
        own = [
            block
            for (words, is_plain), blocks in self.parts.items()
            if not (is_plain and (words, False) in self.parts)
            for block in blocks
        ]
        return own + self.messages

    def add(self, blocks: list[Block], is_plain: bool = False) -> bool:
        """Adds a part; says whether it holds text."""
        words = " ".join(" ".join(block.text for block in blocks).split())
        if words:
            self.parts.setdefault((words, is_plain), blocks)
        return bool(words)

    def add_best(self, html: str, plain: str) -> bool:
        """Adds the HTML of a text, for its structure, or where that holds no text its plain form."""
        self.html += [html] if html.strip() else []
        return (bool(html.strip()) and self.add(html_blocks(html))) or self.add(text_blocks(plain), is_plain=True)

    def attach(self, name: str, kind: str) -> None:
        """Names what is attached and not read; pictures, which most mails have for decoration, are not counted."""
        self.attachments.append(name)
        self.unread += not kind.startswith("image/")

    def add_message(self, mail: Mail) -> None:
        """Adds an attached message under its headers."""
        below = 1 if mail.subject.strip() else 0
        lines = [f"{name.title()}: {mail.headers[name]}" for name in _SHOWN_HEADERS if mail.headers.get(name)]
        title = [Block("Title", mail.subject, level=1)] if below else []
        self.messages += [*title, Block("UncategorizedText", "\n".join(lines)), *_below(mail.blocks, below)]
        self.html += mail.html
        self.guessed = self.guessed or mail.guessed
        self.attachments += mail.attachments
        self.unread += mail.unread


def _below(blocks: list[Block], levels: int) -> Iterator[Block]:
    for b in blocks:
        yield Block(b.kind, b.text, b.level + levels if b.kind == "Title" else b.level, b.page)


def parse_eml(path: str) -> ParsedDocument:
    """Parses an RFC 5322 message."""
    data = Path(path).read_bytes()
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        data = decode(data).encode("utf-8", errors="replace")
    message = email.message_from_bytes(data.lstrip(), policy=email.policy.default)
    if _is_encrypted(message):
        raise Refused("PARSE-ENCRYPTED", type="eml")
    return document_of(_mail(message, [0]))


def document_of(mail: Mail) -> ParsedDocument:
    """Returns the document of a message that was read."""
    is_titled = bool(mail.subject.strip())
    # The body's own headings stand under the subject.
    blocks = [*([Block("Title", mail.subject, level=1)] if is_titled else []), *_below(mail.blocks, int(is_titled))]
    named = [name for name in mail.attachments if name]
    stated = {**mail.headers, **({"attachments": named} if named else {})}
    hidden = [entry for html in mail.html for entry in hidden_in_html(html)]
    left_out = {"attachments": mail.unread} if mail.unread else None
    document = build(blocks, mail.subject, stated, hidden, mail.guessed, left_out)
    # A message has no place in a site that a target without a scheme could count from.
    links = (link for html in mail.html for link in html_links(html)[0] if _SCHEME.match(link.target))
    active = [entry for html in mail.html for entry in active_in_html(html, is_mail=True)]
    return with_active(with_links(document, links), active)


def headers_of(header: Callable[[str], str | None]) -> dict[str, str]:
    """Returns the headers that become properties, by our names for them."""
    return {ours: value for theirs, ours in _HEADERS.items() if (value := header(theirs))}


def _mail(message: EmailMessage, count: list[int]) -> Mail:
    mail = Mail(_header(message, "subject"), headers_of(lambda name: _header(message, name)))
    _read(message, mail, count)
    return mail


def _read(part: Any, mail: Mail, count: list[int]) -> None:
    """Adds what a part holds; `count` is of the messages that were read so far."""
    kind, name = part.get_content_type(), part.get_filename()
    if kind == "multipart/alternative" and part.is_multipart():
        _read_alternatives(part, mail, count)
    elif kind == "message/rfc822" and part.is_multipart():
        inner = part.get_payload(0)
        is_read = count[0] < MOST_MESSAGES and not _is_encrypted(inner)
        mail.attachments += [str(name or kind)] if name or not is_read else []
        mail.unread += not is_read
        if is_read:
            count[0] += 1
            mail.add_message(_mail(inner, count))
    elif part.get_content_maintype() == "message" and part.is_multipart():
        mail.add([Block("UncategorizedText", _header_lines(part))])
    elif part.is_multipart():
        for inner in part.get_payload():
            _read(inner, mail, count)
    elif kind == "text/calendar":
        mail.attachments += [str(name)] if name else []
        mail.add(calendar_blocks(_text_of(part, mail)))
    elif part.get_content_maintype() == "multipart":  # no part of it begins: its boundary is not the one it states
        mail.add(text_blocks(_text_of(part, mail)), is_plain=True)
    elif part.get_content_maintype() != "text":
        mail.attach(str(name or kind), kind)
    else:
        mail.attachments += [str(name)] if name else []
        text = _text_of(part, mail)
        if kind in _MARKED_UP:
            mail.add_best(text, "")
        else:
            mail.add(text_blocks(text), is_plain=True)


def _read_alternatives(part: Any, mail: Mail, count: list[int]) -> None:
    """Reads the last alternative, which is the richest, that holds text, and an invitation beside it."""
    others = [one for one in part.get_payload() if one.get_content_type() != "text/calendar"]
    # HTML and what holds it come before other kinds: those that few programs know stand last, too.
    for one in sorted(others, key=_holds_html)[::-1]:
        before = len(mail.parts)
        _read(one, mail, count)
        if len(mail.parts) > before:
            break
    for one in part.get_payload():
        if one.get_content_type() == "text/calendar":
            _read(one, mail, count)


def _holds_html(part: Any) -> bool:
    return any(one.get_content_type() == "text/html" for one in part.walk())


def _header_lines(part: Any) -> str:
    """Returns the fields of a report on delivery, as they stand."""
    return "\n".join(f"{name}: {value}" for one in part.get_payload() for name, value in one.items())


def _is_encrypted(message: Message) -> bool:
    """Whether a message is locked; one that is attached to a message is not that message."""
    pending: list[Any] = [message]
    while pending:
        part = pending.pop()
        kind = part.get_content_type()
        if kind == "multipart/encrypted":
            return True
        if kind in _PKCS7:
            return str(part.get_param("smime-type") or "enveloped-data").lower() != "signed-data"
        if part.is_multipart() and part.get_content_maintype() == "multipart":
            pending += reversed(part.get_payload())
    if not message.is_multipart() and message.get_content_maintype() == "text":
        return _payload(message).lstrip().startswith(_PGP)
    return False


def _header(message: Message, name: str) -> str:
    """Returns a header as text; one that the standard library cannot parse counts as absent."""
    try:
        return str(message.get(name) or "").strip()
    except (ValueError, IndexError, AttributeError, LookupError):
        return ""


def _payload(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _text_of(part: Message, mail: Mail) -> str:
    markup, charset = part.get_content_type() == "text/html", part.get_content_charset()
    text, guessed = decoded(_payload(part), charset=charset, markup=markup)
    mail.guessed = mail.guessed or guessed
    return text
