"""Outlook messages (MSG), with the messages that are attached to them."""

from __future__ import annotations

from dataclasses import replace
from mimetypes import guess_type
from typing import Any

from freshet.tasks.documents.elements import ParsedDocument
from freshet.tasks.documents.parse.mail.messages import MOST_MESSAGES, Mail, document_of, headers_of
from freshet.tasks.documents.parse.refusal import Refused

_ATTACHED_MESSAGE = "__substg1.0_3701000D"
"""The storage of an attachment that is a message itself (MS-OXMSG 2.2.2.1)."""

_PROPERTIES = "__properties_version1.0"
_HEADER_OF_ATTACHED = 24
_MISSING_IN_HEADER = bytes(8)
"""An attached message's list of properties begins after 24 bytes, that of a whole file after 32."""


def parse_msg(path: str) -> ParsedDocument:
    """Parses an Outlook message."""
    from oxmsg import Message as OutlookMessage

    message = OutlookMessage.load(path)
    if (
        message.message_class.upper().startswith(("IPM.NOTE.SMIME", "IPM.NOTE.SECURE"))
        and "MULTIPART" not in message.message_class.upper()
    ):
        raise Refused("PARSE-ENCRYPTED", type="msg")
    return document_of(_mail(message, [0]))


def _mail(message: Any, count: list[int]) -> Mail:
    """Reads a message; `count` is of the attached messages that were read so far, this one among them."""
    headers = {key.lower(): value for key, value in message.message_headers.items()}
    if not headers.get("from") and message.sender:
        headers["from"] = message.sender
    if count[0] and not headers.get("date") and message.sent_date:
        headers["date"] = message.sent_date.isoformat(" ", "seconds")
    mail = Mail(message.subject or "", headers_of(headers.get))
    mail.add_best(_outlook_html(message), message.body or "")
    for attachment in message.attachments:
        inner = next((one for one in attachment._storage.storages if one.name == _ATTACHED_MESSAGE), None)
        if inner is not None and count[0] < MOST_MESSAGES:
            count[0] += 1
            mail.add_message(_mail(type(message)(_as_file(inner)), count))
        elif attachment.file_name:
            mail.attach(attachment.file_name, guess_type(attachment.file_name)[0] or "")
    return mail


def _as_file(storage: Any) -> Any:
    """Returns the storage of an attached message as if it were a file."""
    return replace(storage, streams=tuple(map(_with_whole_header, storage.streams)))


def _with_whole_header(stream: Any) -> Any:
    if stream.name != _PROPERTIES:
        return stream
    header, rest = stream.bytes_[:_HEADER_OF_ATTACHED], stream.bytes_[_HEADER_OF_ATTACHED:]
    return replace(stream, bytes_=header + _MISSING_IN_HEADER + rest)


def _outlook_html(message: Any) -> str:
    try:
        return message.html_body or ""
    except (LookupError, UnicodeDecodeError):
        return ""
