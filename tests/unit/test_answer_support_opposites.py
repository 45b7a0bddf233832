"""Opposites, prohibitions and numbers of another row: what is found in a sentence of an answer, and what is not."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from freshet.tasks.answers.support.judge import judge


def codes(sentence: str, *passages: str, cited: Sequence[int] = (0,)) -> list[str]:
    return [finding.code for finding in judge(sentence, passages, cited).findings]


RULES_TEXT = {
    "least": "Passwords have at least 14 characters.",
    "above": "Invoices above 500 euros go to the board.",
    "before": "Requests are filed before the departure.",
    "until": "The offer is valid until 3 March 2021.",
    "last": "Salaries are paid on the last Friday of a month.",
    "always": "The door is always locked at night.",
    "optional": "Training on safety is optional for guests.",
    "allowed": "Smoking in the garden is allowed.",
    "include": "Prices include the tax of the country.",
    "without": "Staff may enter the archive without a badge.",
    "must": "Drivers must report damage.",
    "written": "The lead gives a written order.",
    "open": "The canteen is open on Sunday.",
    "more": "Trips of more than 10 days need consent.",
    "german": "Kennwörter haben mindestens 14 Zeichen. Gäste müssen den Ausweis zeigen.",
    "vor": "Der Antrag wird vor der Reise gestellt. Die Regel gilt ab 3. März 2021.",
    "restore": "Backups run nightly. Do not restore the vault without a ticket. Tickets are free.",
    "delete": "Audit logs must not be deleted by staff.",
    "banned": "Copying customer data to laptops is forbidden.",
    "barred": "Opening archives is not permitted without a badge.",
    "trial": "The trial lasts at least three weeks.",
    "until lead": "Do not restore the vault until the lead agrees.",
}


@pytest.mark.parametrize(
    ("sentence", "passage", "is_false"),
    [
        ("Passwords have at most 14 characters.", "least", True),
        ("Passwords have 14 characters or fewer.", "least", True),
        ("Passwords have a maximum of 14 characters.", "least", True),
        ("A password needs a minimum of 14 characters.", "least", False),
        ("Passwords have 14 characters or more.", "least", False),
        ("Passwords have no less than 14 characters.", "least", False),
        ("Invoices below 500 euros go to the board.", "above", True),
        ("Invoices over 500 euros go to the board.", "above", False),
        ("Requests are filed after the departure.", "before", True),
        ("Before the departure, file requests.", "before", False),
        ("The offer is valid from 3 March 2021.", "until", True),
        ("Salaries are paid on the first Friday of a month.", "last", True),
        ("The door is rarely locked at night.", "always", True),
        ("The door is locked at night.", "always", False),
        ("Training on safety is required for guests.", "optional", True),
        ("Training on safety is not required for guests.", "optional", False),
        ("Smoking in the garden is prohibited.", "allowed", True),
        ("Smoking in the garden is not forbidden.", "allowed", False),
        ("Prices exclude the tax of the country.", "include", True),
        ("The tax of the country is included in prices.", "include", False),
        ("Staff must enter the archive without a badge.", "without", True),
        ("Staff can enter the archive without a badge.", "without", False),
        ("Staff with a contract may enter the archive without a badge.", "without", False),
        ("Drivers can report damage.", "must", True),
        ("Drivers have to report damage.", "must", False),
        ("The lead gives an oral order.", "written", True),
        ("The canteen is closed on Sunday.", "open", True),
        ("Trips of up to 10 days need consent.", "more", True),
        ("Trips longer than 10 days need consent.", "more", False),
        ("Kennwörter haben höchstens 14 Zeichen.", "german", True),
        ("Gäste dürfen den Ausweis zeigen.", "german", True),
        ("Der Antrag wird nach der Reise gestellt.", "vor", True),
        ("Die Regel gilt bis 3. März 2021.", "vor", True),
        ("You can restore the vault without a ticket.", "restore", True),
        ("It is allowed to restore the vault without a ticket.", "restore", True),
        ("You cannot restore the vault without a ticket.", "restore", False),
        ("Never restore the vault without a ticket.", "restore", False),
        ("Audit logs can be deleted by staff.", "delete", True),
        ("Staff can delete audit logs.", "delete", True),
        ("Staff cannot delete audit logs.", "delete", False),
        ("You may copy customer data to laptops.", "banned", True),
        ("Archives can be opened without a badge.", "barred", True),
        ("Archives can be opened with a badge.", "barred", False),
        ("The trial lasts three weeks or less.", "trial", True),
        ("The trial lasts three weeks or more.", "trial", False),
        ("You may not copy customer data to laptops.", "banned", False),
        ("You can restore the vault once the lead agrees.", "until lead", False),
    ],
)
def test_opposites_and_permissions_made_of_prohibitions(sentence: str, passage: str, is_false: bool) -> None:
    assert ("NEGATION-UNSUPPORTED" in codes(sentence, RULES_TEXT[passage])) is is_false


RATES = (
    "Rates per day:\n\n| Country | Lodging | Meals |\n|---|---|---|\n| Japan | €52 | €35 |\n| Brazil | €48 | €21 |\n"
)
KEPT = "Daily backups are kept for 35 days, yearly for 7 years."
ALBUMS = "The band had success with their 2000 album, then they had success with their 2001 album."
PHONE = "The desk answers on +49 30 5550 12 on weekdays."


@pytest.mark.parametrize(
    ("sentence", "passage", "is_false"),
    [
        ("In Japan the rate for lodging is €48.", RATES, True),
        ("In Japan the rate for lodging is €52.", RATES, False),
        ("The rate for meals in Brazil is €35 per day.", RATES, True),
        ("The rate for meals in Brazil is €21 per day.", RATES, False),
        ("The rates of Japan and Brazil for lodging are €52 and €48.", RATES, False),
        ("The rates per day go from €21 to €52.", RATES, False),
        ("Japan\t€48", "Country\tLodging\nJapan\t€52\nBrazil\t€48\n", True),
        ("In Japan the rate for lodging is €35.", RATES, True),
        ("The country with the highest rate for meals pays €35.", RATES, False),
        ("The maximum size is 10 MB.", "| Limit | Value |\n|---|---|\n| Size | 5 MB |\n| Max size | 10 MB |\n", False),
        ("Lodging is €48 in Japan and €52 in Brazil.", RATES, True),
        ("Lodging is €52 in Japan and €48 in Brazil.", RATES, False),
        ("In Japan the rate for lodging is €52 and food is €35.", RATES, False),
        ("Yearly backups are kept for 35 days.", KEPT, True),
        ("Metrics are kept for 30 days.", "Kept are 30 days of logs, 90 days of metrics.", True),
        ("Metrics are kept for 90 days.", "Kept are 30 days of logs, 90 days of metrics.", False),
        ("Monthly backups are kept for 35 days.", f"{KEPT[:-1]}, monthly for 2 years.", True),
        ("The band had success with their 2001 album.", ALBUMS, False),
        ("Daily backups are kept for 7 years.", KEPT, True),
        ("Yearly backups are kept for 7 years.", KEPT, False),
        ("Backups are kept for 35 days.", KEPT, False),
        ("Backups are kept for 35 days (daily) or 7 years (yearly).", KEPT, False),
        ("The desk answers on +49 30 5550.", PHONE, True),
        ("Call +49 30 5550 on weekdays.", "Call +49 30 555012 on weekdays.", True),
        ("The desk answers on +49 30 5550 12", PHONE, False),
    ],
)
def test_numbers_of_another_row_and_numbers_cut_off(sentence: str, passage: str, is_false: bool) -> None:
    assert ("NUMBER-UNSUPPORTED" in codes(sentence, passage)) is is_false
