"""Mail: every text part once, the best of alternatives, attached messages and invitations."""

from __future__ import annotations

import email.message
import struct
from pathlib import Path

import pytest

from freshet.tasks.documents.elements import ParsedDocument
from freshet.tasks.documents.parse.mail.calendar import calendar_blocks
from freshet.tasks.documents.parse.mail.messages import MOST_MESSAGES, parse_eml
from freshet.tasks.documents.parse.mail.outlook import parse_msg
from freshet.tasks.documents.parse.refusal import Refused
from freshet.tasks.documents.parse.tagger import install_tagger

HEAD = "From: ada@a.example\nDate: Mon, 02 Mar 2026 10:00:00 +0100\nSubject: {}\nMIME-Version: 1.0\n"
PLAIN = "Content-Type: text/plain; charset=utf-8\n\n"
HTML = "Content-Type: text/html; charset=utf-8\n\n"


@pytest.fixture(scope="module", autouse=True)
def _tagger() -> None:
    install_tagger()


def multipart(kind: str, *parts: str, boundary: str = "B") -> str:
    body = "".join(f"--{boundary}\n{part}\n" for part in parts)
    return f"Content-Type: multipart/{kind}; boundary={boundary}\n\n{body}--{boundary}--\n"


def parsed(folder: Path, message: str, subject: str = "Plan") -> ParsedDocument:
    path = folder / "a.eml"
    path.write_text(HEAD.format(subject) + message, "utf-8")
    return parse_eml(str(path))


def attached(message: str, subject: str = "Lock", more: str = "") -> str:
    return f"Content-Type: message/rfc822{more}\n\n{HEAD.format(subject).replace('ada@', 'bo@')}{message}"


def elements(document: ParsedDocument) -> list[tuple[str, int, str]]:
    return [(e.kind, e.level, document.text[e.start : e.end]) for e in document.elements]


def test_several_text_parts_are_read_in_order(tmp_path: Path) -> None:
    parts = [f"{PLAIN}First.", f"{HTML}<p>Second.</p>", f"{PLAIN}Third."]
    assert parsed(tmp_path, multipart("mixed", *parts)).text == "Plan\n\nFirst.\n\nSecond.\n\nThird."


def test_of_alternatives_the_html_is_read_and_the_plain_text_where_that_holds_none(tmp_path: Path) -> None:
    body = multipart("alternative", f"{PLAIN}Plain.", f"{HTML}<h1>Rich</h1>", "Content-Type: text/x-amp-html\n\nAmp")
    assert elements(parsed(tmp_path, body)) == [("Title", 1, "Plan"), ("Title", 2, "Rich")]
    body = multipart("alternative", f"{PLAIN}Plain.", f"{HTML}<img src=cid:1>")
    assert parsed(tmp_path, body).text == "Plan\n\nPlain."


def test_each_multipart_has_its_own_best_alternative(tmp_path: Path) -> None:
    one = multipart("alternative", f"{PLAIN}One plain.", f"{HTML}<p>One rich.</p>", boundary="C")
    two = multipart(
        "alternative", f"{PLAIN}Two plain.", multipart("related", f"{HTML}Two rich.", boundary="E"), boundary="D"
    )
    assert parsed(tmp_path, multipart("mixed", one, two)).text == "Plan\n\nOne rich.\n\nTwo rich."


def test_a_text_that_is_there_as_html_too_stands_once(tmp_path: Path) -> None:
    body = multipart("mixed", f"{PLAIN}The same words.", f"{HTML}<p>The same <b>words</b>.</p>")
    assert parsed(tmp_path, body).text == "Plan\n\nThe same words."


def test_an_attached_message_stands_under_its_headers_and_behind_the_body(tmp_path: Path) -> None:
    body = multipart("mixed", attached(f"{HTML}<h1>Gate</h1><p>It broke.</p>"), f"{PLAIN}See below.")
    assert elements(parsed(tmp_path, body)) == [
        ("Title", 1, "Plan"),
        ("NarrativeText", 0, "See below."),
        ("Title", 2, "Lock"),
        ("UncategorizedText", 0, "From: bo@a.example\nDate: Mon, 02 Mar 2026 10:00:00 +0100"),
        ("Title", 3, "Gate"),
        ("UncategorizedText", 0, "It broke."),
    ]


def test_attached_messages_within_attached_messages_are_read_with_their_attachments(tmp_path: Path) -> None:
    inner = multipart(
        "mixed",
        f"{PLAIN}Innermost.",
        'Content-Type: application/pdf; name="a.pdf"\nContent-Disposition: attachment\n\nx',
        boundary="C",
    )
    middle = multipart("mixed", f"{PLAIN}Middle.", attached(inner, "Two"), boundary="D")
    document = parsed(tmp_path, multipart("mixed", f"{PLAIN}Outer.", attached(middle, "One", '; name="one.eml"')))
    texts = document.text.split("\n\n")
    assert [text for text in texts if not text.startswith("From")] == [
        "Plan",
        "Outer.",
        "One",
        "Middle.",
        "Two",
        "Innermost.",
    ]
    assert document.properties["attachments"] == ["one.eml", "a.pdf"]
    assert document.properties["from"] == "ada@a.example"


def test_a_digest_of_many_messages_is_read_up_to_a_number_and_the_rest_is_named(tmp_path: Path) -> None:
    many = [attached(f"{PLAIN}Number {number} is here.") for number in range(MOST_MESSAGES + 2)]
    document = parsed(tmp_path, multipart("digest", *many))
    assert f"Number {MOST_MESSAGES - 1} is here." in document.text
    assert f"Number {MOST_MESSAGES} is here." not in document.text
    assert document.properties["attachments"] == ["message/rfc822"] * 2


def test_a_locked_message_that_is_attached_locks_not_the_message(tmp_path: Path) -> None:
    locked = attached("Content-Type: application/pkcs7-mime; smime-type=enveloped-data\n\nMIIB")
    document = parsed(tmp_path, multipart("mixed", f"{PLAIN}Open words.", locked))
    assert document.text == "Plan\n\nOpen words."
    assert document.properties["attachments"] == ["message/rfc822"]
    with pytest.raises(Refused) as refused:
        parsed(tmp_path, multipart("mixed", "Content-Type: application/pkcs7-mime\n\nMIIB"))
    assert refused.value.code == "PARSE-ENCRYPTED"


def test_a_report_on_delivery_is_text(tmp_path: Path) -> None:
    report = "Content-Type: message/delivery-status\n\nReporting-MTA: dns; a\n\nFinal-Recipient: rfc822; bo@b.example\n"
    text = parsed(tmp_path, multipart("report", f"{PLAIN}It bounced.", report)).text
    assert text == "Plan\n\nIt bounced.\n\nReporting-MTA: dns; a\nFinal-Recipient: rfc822; bo@b.example"


def test_texts_that_are_attached_are_read_and_what_is_not_read_is_named_and_counted(tmp_path: Path) -> None:
    parts = [
        f"{PLAIN}Body.",
        "Content-Type: text/plain\nContent-Disposition: attachment; filename=notes.txt\n\nThe fee is ninety euros.",
        'Content-Type: image/png; name="=?utf-8?q?Gr=C3=B6=C3=9Fe=2Epng?="\n\nx',
        "Content-Type: application/zip\n\nx",
    ]
    document = parsed(tmp_path, multipart("mixed", *parts))
    assert document.text == "Plan\n\nBody.\n\nThe fee is ninety euros."
    assert document.properties["attachments"] == ["notes.txt", "Größe.png", "application/zip"]
    assert document.properties["left_out"] == {"attachments": 1}  # a picture is most often decoration


def test_a_message_whose_parts_never_begin_is_read_as_the_text_that_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.eml"
    path.write_text(
        "Subject: Plan\nContent-Type: multipart/mixed; boundary=zzz\n\n--b\n\nThe fee is ninety euros.\n--b--\n"
    )
    assert "The fee is ninety euros." in parse_eml(str(path)).text


def test_a_text_with_a_name_that_is_shown_in_the_message_is_read_and_named(tmp_path: Path) -> None:
    part = "Content-Type: text/plain; name=notes.txt\nContent-Disposition: inline; filename=notes.txt\n\nShown."
    document = parsed(tmp_path, multipart("mixed", f"{PLAIN}Body.", part))
    assert document.text == "Plan\n\nBody.\n\nShown."
    assert document.properties["attachments"] == ["notes.txt"]


INVITATION = """BEGIN:VCALENDAR
METHOD:REQUEST
BEGIN:VTIMEZONE
TZID:Europe/Berlin
END:VTIMEZONE
BEGIN:VEVENT
SUMMARY:Dyke inspection\\, north
DTSTART;TZID=Europe/Berlin:20260302T100000
DTEND:20260302T110000Z
LOCATION:Mossbank
ORGANIZER;CN="Ada: Moss":mailto:ada@a.example
ATTENDEE;CN=Bo:MAILTO:bo@b.example
DESCRIPTION:Bring boots\\nand a
 \x20rope
BEGIN:VALARM
DESCRIPTION:Reminder
END:VALARM
END:VEVENT
BEGIN:VEVENT
SUMMARY:Second
DTSTART;VALUE=DATE:20260401
END:VEVENT
END:VCALENDAR
"""
EVENTS = [
    ("Title", "Dyke inspection, north"),
    (
        "UncategorizedText",
        "Start: 2026-03-02 10:00 (Europe/Berlin)\nEnd: 2026-03-02 11:00 UTC\nPlace: Mossbank\n"
        "Organizer: Ada: Moss <ada@a.example>\nAttendee: Bo <bo@b.example>",
    ),
    ("NarrativeText", "Bring boots\nand a rope"),
    ("Title", "Second"),
    ("UncategorizedText", "Start: 2026-04-01"),
]


def test_events_of_a_calendar_have_their_summary_time_place_people_and_description() -> None:
    assert [(block.kind, block.text) for block in calendar_blocks(INVITATION) if block.text] == EVENTS


def test_an_invitation_is_read_alone_and_beside_the_text_that_it_came_with(tmp_path: Path) -> None:
    calendar = f"Content-Type: text/calendar; charset=utf-8; method=REQUEST\n\n{INVITATION}"
    assert "Dyke inspection, north" in parsed(tmp_path, calendar).text
    body = multipart("alternative", f"{PLAIN}Come along.", f"{HTML}<p>Do come.</p>", calendar, boundary="C")
    invite = calendar.replace("\n\n", "\nContent-Disposition: attachment; filename=invite.ics\n\n", 1)
    document = parsed(tmp_path, multipart("mixed", body, invite))
    assert document.text.startswith("Plan\n\nDo come.\n\nDyke inspection, north\n\nStart: 2026")
    assert document.text.count("Dyke inspection") == 1
    assert document.properties["attachments"] == ["invite.ics"]


@pytest.mark.parametrize("text", ["", "END:VEVENT", "BEGIN:VEVENT", ":\n;:\n x", "BEGIN:VEVENT\nSUMMARY", "\n \n"])
def test_a_damaged_calendar_has_no_events(text: str) -> None:
    assert calendar_blocks(text) == []


def storage(name: str, strings: dict[int, str], numbers: dict[int, int], header: int, *inner: object) -> object:
    """The storage of an Outlook item: properties of a fixed size in one stream, a stream for each text."""
    from oxmsg.storage import Storage, Stream

    rows = [struct.pack("<HHIIi", 0x001F, tag, 6, 2 * len(text) + 2, 0) for tag, text in strings.items()]
    rows += [struct.pack("<HHIIi", 0x0003, tag, 6, number, 0) for tag, number in numbers.items()]
    streams = [Stream(f"{name}/__properties_version1.0", bytes(header) + b"".join(rows))]
    streams += [Stream(f"{name}/__substg1.0_{tag:04X}001F", text.encode("utf-16-le")) for tag, text in strings.items()]
    return Storage(name, tuple(streams), inner)  # type: ignore[arg-type]


def test_a_message_attached_to_an_outlook_message_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    import oxmsg

    kind, subject, body, sender, address, method, name = 0x1A, 0x37, 0x1000, 0xC1A, 0xC1F, 0x3705, 0x3707
    texts = {kind: "IPM.Note", subject: "Lock", body: "It broke.", sender: "Bo", address: "bo@b.example"}
    inner = storage("a/__substg1.0_3701000D", texts, {}, 24)
    holder = storage("a/__attach_version1.0_#00000000", {}, {method: 5}, 8, inner)
    file = storage("a/__attach_version1.0_#00000001", {name: "plan.pdf"}, {method: 1}, 8)
    outer = storage("", {kind: "IPM.Note", subject: "Fwd", body: "See below."}, {}, 32, holder, file)
    monkeypatch.setattr(oxmsg.Message, "load", classmethod(lambda cls, _: cls(outer)))
    document = parse_msg("a.msg")
    assert document.text == 'Fwd\n\nSee below.\n\nLock\n\nFrom: "Bo" <bo@b.example>\n\nIt broke.'
    assert document.properties["attachments"] == ["plan.pdf"]


def test_hidden_text_and_links_of_every_html_part_are_told(tmp_path: Path) -> None:
    hidden = "<p hidden>unseen words</p><a href='https://a.example/{}'>here</a>"
    parts = [f"{HTML}{hidden.format(1)}", attached(f"{HTML}{hidden.format(2)}")]
    document = parsed(tmp_path, multipart("mixed", *parts))
    assert [entry["chars"] for entry in document.properties["hidden"]] == [12, 12]
    assert [link["target"] for link in document.properties["links"]] == ["https://a.example/1", "https://a.example/2"]
    assert "unseen" not in document.text


def test_a_message_made_by_pythons_own_library_is_read(tmp_path: Path) -> None:
    message, inner = email.message.EmailMessage(), email.message.EmailMessage()
    inner["Subject"], inner["From"] = "Größe", "bo@b.example"
    inner.set_content("Für 5 €.")
    message["Subject"] = "Plan"
    message.set_content("Open.")
    message.add_alternative("<p>Open <i>wide</i>.</p>", subtype="html")
    message.add_attachment(inner)
    path = tmp_path / "a.eml"
    path.write_bytes(bytes(message))
    assert parse_eml(str(path)).text == "Plan\n\nOpen wide.\n\nGröße\n\nFrom: bo@b.example\n\nFür 5 €."
