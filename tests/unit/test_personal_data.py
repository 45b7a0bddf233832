"""Personal data in text: what is found, what is nobody's, and what only looks like it."""

from __future__ import annotations

from itertools import pairwise

import pytest

from freshet.tasks.text.personal_data import find_cards, find_emails, find_ibans, find_personal_data, find_phones


def kinds(text: str, *regions: str) -> list[str]:
    return [finding.kind for finding in find_personal_data(text, regions or ("US",))]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("Write to ada@gov.uk.", "ada@gov.uk"),
        ("mailto:ada.b+list@sub.gsa.gov,", "ada.b+list@sub.gsa.gov"),
        ("<Ada_L@GSA.GOV>", "Ada_L@GSA.GOV"),
        ("(o'neill@gsa.gov)", "o'neill@gsa.gov"),
        ("jürgen@müller.de ist da", "jürgen@müller.de"),
        ("ends with ada@gov.uk", "ada@gov.uk"),
        ("Mail: ada@gov.uk: she answers", "ada@gov.uk"),
    ],
)
def test_addresses_are_found(text: str, address: str) -> None:
    assert [text[f.start : f.end] for f in find_emails(text)] == [address]


@pytest.mark.parametrize(
    "text",
    [
        "git@github.com:18F/handbook.git",
        "you@example.com",
        "a@b.test",
        "logo@2x.png",
        "package@1.2.3",
        "ask @here",
        "user@localhost",
        "@ada",
        "ada@",
        "a@@b.de",
        "x" * 300 + "@",
        "@" * 5000,
        "price @ 5.00 each",
    ],
)
def test_what_is_no_address_of_anybody(text: str) -> None:
    assert find_emails(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "Call (877) 472-6716.",
        "1-800-222-0364 or so",
        "Fax: +44 20 7946 0018",
        "+49 (0)30 227-32152",
        "415.556.2766 x",
        "phone: 4155562766",
        "Ring me under tel 415 556 2766!",
        "call us at 415\u2011556\u20112766",
    ],
)
def test_phone_numbers_are_found(text: str) -> None:
    assert kinds(text) == ["phone"]


@pytest.mark.parametrize(
    "text",
    [
        "555-555-5555",
        "2013137748",
        "https://example.org/articles/115004151203",
        "44-0553234",
        "10/12/2017 - 11/12/2018",
        "5 C.F.R. 2635.203(b)(8)",
        "FTR §301-10.450",
        "20405-0001",
        "2014-2023",
        "1,877,472,671",
        "$8774726716",
        "192.168.100.200",
        "version 4.15.556.2766",
        "ISBN 978-3-16-148410-0",
        "2026-03-01 12:30:45",
    ],
)
def test_numbers_that_are_no_phone_numbers(text: str) -> None:
    assert find_phones(text) == []


def test_the_region_decides_about_numbers_without_a_country_code() -> None:
    assert kinds("Telefon: 030 227-32152", "DE") == ["phone"]
    assert kinds("Telefon: 030 227-32152", "US") == []
    assert kinds("Telefon: 030 227-32152 und (877) 472-6716", "DE", "US") == ["phone", "phone"]


@pytest.mark.parametrize(
    "number", ["DE68210501700012345678", "DE68 2105 0170 0012 3456 78", "FR7630004000031234567890143"]
)
def test_accounts_need_a_right_checksum(number: str) -> None:
    assert kinds(f"IBAN:{number}") == ["iban"]
    assert "iban" not in kinds(f"IBAN:{number[:3]}{(int(number[3]) + 1) % 10}{number[4:]}")


def test_accounts_end_where_the_next_word_begins_and_examples_are_nobodys() -> None:
    text = "DE68 2105 0170 0012 3456 78 BIC NOLADE21KIE"
    assert [text[f.start : f.end] for f in find_ibans(text)] == ["DE68 2105 0170 0012 3456 78"]
    assert find_ibans("GB82 WEST 1234 5698 7654 32, DE89 3704 0044 0532 0130 00") == []


@pytest.mark.parametrize(
    "number",
    ["4539148803436467", "4539 1488 0343 6467", "4539-1488-0343-6467", "3714 496353 98472", "5425233430109903"],
)
def test_cards_are_found_however_they_are_grouped(number: str) -> None:
    assert kinds(f"Card: {number}.") == ["card"]
    wrong = number[:-1] + str((int(number[-1]) + 1) % 10)
    assert "card" not in kinds(f"Card: {wrong}.")


@pytest.mark.parametrize(
    "text",
    [
        "4242 4242 4242 4242",
        "4111111111111111",
        "order 45391488034364671",
        "1539148803436467",
        "4539 14880343 6467",
        "https://shop.org/?id=4539148803436467",
        "0.4539148803436467",
        "4539148803436467.5",
        "4444444444444448",
    ],
)
def test_numbers_that_are_no_cards(text: str) -> None:
    assert find_cards(text) == []


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("SSN: 536-22-1234", "US social security number"),
        ("Social insurance number 123 456 782", "Canadian social insurance number"),
        ("NHS number: 943 476 5870", "British NHS number"),
        ("Steuer-ID 36 574 261 809", "German tax number"),
        ("N° 2 95 10 99 126 111 93", "French social security number"),
        ("codice RCCMNL83S18D969H", "Italian tax code"),
        ("DNI 54362315-K", "Spanish identity number"),
        ("BSN 111222333", "Dutch citizen number"),
        ("PESEL: 44051401359", "Polish national number"),
        ("880320-0016", "Swedish identity number"),
        ("131052-308T", "Finnish identity code"),
        ("CPF 390.533.447-05", "Brazilian taxpayer number"),
        ("AHV 756.9217.0769.85", "Swiss social security number"),
        ("Aadhaar 2341 2341 2346", "Indian Aadhaar number"),
        ("11010519491231002X", "Chinese identity number"),
    ],
)
def test_national_numbers_are_found(text: str, kind: str) -> None:
    assert kinds(text) == [kind]


@pytest.mark.parametrize(
    "text",
    [
        "Part 536-22-1234",
        "SSN: 123-45-6789",
        "SSN: 000-12-3456",
        "PESEL: 44051401358",
        "44051401359",
        "131052-308U",
        "CPF 390.533.447-06",
        "BSN 111222334",
        "social security office, room 3007-3011",
        "11010519491231003X",
    ],
)
def test_numbers_of_nobody(text: str) -> None:
    assert [kind for kind in kinds(text) if kind != "phone"] == []


def test_findings_are_in_order_and_do_not_overlap() -> None:
    text = "Ada ada@gov.uk, (877) 472-6716, 4539 1488 0343 6467 and DE68 2105 0170 0012 3456 78, SSN 536-22-1234"
    findings = find_personal_data(text)
    assert [f.kind for f in findings] == ["email", "phone", "card", "iban", "US social security number"]
    assert all(a.end <= b.start for a, b in pairwise(findings))


def test_much_text_without_any_takes_little_time() -> None:
    assert find_personal_data("1 2 3 4 5 6 7 8 9 0 " * 20_000 + "a" * 200_000 + "1-" * 50_000) == []
