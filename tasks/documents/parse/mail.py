"""Mail messages: the subject, then the body; who, when and the names of attachments as properties."""

from __future__ import annotations

import email
import email.policy
import email.utils
import re
from email.message import EmailMessage, Message
from pathlib import Path
from typing import Any

from freshet.tasks.documents.elements import ParsedDocument
from freshet.tasks.documents.parse.build import Block, build
from freshet.tasks.documents.parse.decode import decode
from freshet.tasks.documents.parse.hidden import hidden_in_html
from freshet.tasks.documents.parse.links import html_links, with_links
from freshet.tasks.documents.parse.markup import html_blocks, text_blocks
from freshet.tasks.documents.parse.refusal import Refused

_HEADERS = {"from": "from", "to": "to", "cc": "cc", "date": "date", "message-id": "message_id"}
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.I)
_PGP = b"-----BEGIN PGP MESSAGE-----"


def parse_eml(path: str) -> ParsedDocument:
    """Parses an RFC 5322 message, by its HTML body where there is one, for the structure, else by its plain one."""
    data = Path(path).read_bytes()
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        data = decode(data).encode("utf-8", errors="replace")
    message = email.message_from_bytes(data.lstrip(), policy=email.policy.default)
    if _is_encrypted(message):
        raise Refused("PARSE-ENCRYPTED", type="eml")
    subject = _header(message, "subject")
    properties = {ours: value for theirs, ours in _HEADERS.items() if (value := _header(message, theirs))}
    bodies, attachments = _parts(message)
    return _built(subject, bodies.get("text/html", ""), bodies.get("text/plain", ""), properties, attachments)


def parse_msg(path: str) -> ParsedDocument:
    """Parses an Outlook message."""
    from oxmsg import Message as OutlookMessage

    message = OutlookMessage.load(path)
    if (
        message.message_class.upper().startswith(("IPM.NOTE.SMIME", "IPM.NOTE.SECURE"))
        and "MULTIPART" not in message.message_class.upper()
    ):
        raise Refused("PARSE-ENCRYPTED", type="msg")
    headers = {key.lower(): value for key, value in message.message_headers.items()}
    properties = {ours: headers[theirs] for theirs, ours in _HEADERS.items() if headers.get(theirs)}
    if "from" not in properties and message.sender:
        properties["from"] = message.sender
    attachments = [attachment.file_name or "" for attachment in message.attachments]
    return _built(message.subject, _outlook_html(message), message.body or "", properties, attachments)


def _outlook_html(message: Any) -> str:
    try:
        return message.html_body or ""
    except (LookupError, UnicodeDecodeError):
        return ""


def _built(subject: str, html: str, plain: str, properties: dict[str, Any], attachments: list[str]) -> ParsedDocument:
    body = html_blocks(html) if html.strip() else []
    body = body if any(block.text.strip() for block in body) else text_blocks(plain)
    heading = [Block("Title", subject, level=1)] if subject.strip() else []
    # The body's own headings stand under the subject.
    below = [Block(b.kind, b.text, b.level + 1 if heading and b.kind == "Title" else b.level, b.page) for b in body]
    named = [name for name in attachments if name]
    stated = {**properties, **({"attachments": named} if named else {})}
    document = build([*heading, *below], subject, stated, hidden_in_html(html))
    # A message has no place in a site that a target without a scheme could count from.
    return with_links(document, (link for link in html_links(html)[0] if _SCHEME.match(link.target)))


def _is_encrypted(message: Message) -> bool:
    for part in message.walk():
        kind = part.get_content_type()
        if kind == "multipart/encrypted":
            return True
        if kind in ("application/pkcs7-mime", "application/x-pkcs7-mime"):
            return str(part.get_param("smime-type") or "enveloped-data").lower() != "signed-data"
    if not message.is_multipart() and message.get_content_maintype() == "text":
        return _payload(message).lstrip().startswith(_PGP)
    return False


def _header(message: Message, name: str) -> str:
    """Returns a header as text; one that the standard library cannot parse counts as absent."""
    try:
        return str(message.get(name) or "").strip()
    except (ValueError, IndexError, AttributeError, LookupError):
        return ""


def _parts(message: EmailMessage) -> tuple[dict[str, str], list[str]]:
    """Returns (first body text by content type, names of attachments)."""
    bodies: dict[str, str] = {}
    attachments: list[str] = []
    for part in message.walk():
        if part.is_multipart():
            continue
        name = part.get_filename()
        if name or part.get_content_disposition() == "attachment":
            attachments.append(str(name or part.get_content_type()))
        elif part.get_content_type() in ("text/plain", "text/html"):
            bodies.setdefault(part.get_content_type(), _text_of(part))
    return bodies, attachments


def _payload(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _text_of(part: Message) -> str:
    charset = part.get_content_charset()
    return decode(_payload(part), charset=charset, markup=part.get_content_type() == "text/html")
