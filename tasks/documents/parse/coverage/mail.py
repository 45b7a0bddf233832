"""The text of mail, by its parts; and a digest of what is attached and not read."""

from __future__ import annotations

import codecs
import email
import email.policy
import re
from collections.abc import Iterator
from email.message import Message
from hashlib import blake2b
from pathlib import Path

from freshet.tasks.documents.parse.coverage.compare import Passage
from freshet.tasks.documents.parse.coverage.markup import html_passages
from freshet.tasks.documents.parse.decode import decode

_LINK = re.compile(r"<(?:https?|mailto):[^<>\s]{1,2000}>|HYPERLINK \"[^\"\n]{0,2000}\"")
_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_BODY, _ATTACHED = "__substg1.0_1000001F", "__substg1.0_37010102"


def mail_passages(path: str) -> Iterator[Passage]:
    """Yields the lines of each text part; of alternatives, those of the HTML."""
    message = _message(path)
    for number, part in enumerate(_leaves(message), start=1):
        place = f"part {number}"
        payload = part.get_payload(decode=True)
        if not isinstance(payload, bytes):
            continue
        charset = part.get_content_charset()
        if part.get_content_type() == "text/html":
            yield from html_passages(decode(payload, charset, markup=True), place)
        elif part.get_content_type() == "text/plain":
            yield from (Passage(place, line) for line in decode(payload, charset).splitlines())


def mail_attached(path: str) -> str:
    """Returns a digest of the attachments, which are not read; empty where there are none."""
    contents = []
    for part in _leaves(_message(path)):
        payload = part.get_payload(decode=True)
        if isinstance(payload, bytes) and part.get_content_maintype() != "text":
            contents.append(payload)
    return _digest(contents)


def outlook_passages(path: str) -> Iterator[Passage]:
    """Yields the lines of the plain body of an Outlook message."""
    import olefile

    with olefile.OleFileIO(path) as container:
        if container.exists(_BODY):
            body = _LINK.sub(" ", container.openstream(_BODY).read().decode("utf-16-le", "replace"))
            yield from (Passage(f"line {number}", line) for number, line in enumerate(body.splitlines(), start=1))


def outlook_attached(path: str) -> str:
    """Returns a digest of the attachments, which are not read; empty where there are none."""
    import olefile

    with olefile.OleFileIO(path) as container:
        names = [name for name in container.listdir() if name[-1] == _ATTACHED]
        return _digest([container.openstream(name).read() for name in names])


def _digest(contents: list[bytes]) -> str:
    each = sorted(blake2b(one, digest_size=8).digest() for one in contents)
    return blake2b(b"".join(each), digest_size=8).hexdigest() if each else ""


def _message(path: str) -> Message:
    raw = Path(path).read_bytes()
    if raw.startswith(_MARKS):
        raw = decode(raw).encode("utf-8", "replace")
    return email.message_from_bytes(raw.lstrip(), policy=email.policy.default)


def _leaves(message: Message) -> Iterator[Message]:
    """Yields the parts that hold something; of alternatives only the last one that is or holds HTML, or the last."""
    if not message.is_multipart():
        yield message
        return
    parts = [part for part in message.get_payload() if isinstance(part, Message)]
    if message.get_content_type() == "multipart/alternative" and parts:
        marked = [part for part in parts if any(one.get_content_type() == "text/html" for one in part.walk())]
        parts = [(marked or parts)[-1]]
    for part in parts:
        yield from _leaves(part)
