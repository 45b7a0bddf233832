"""Text that cannot be read is told from text that is merely odd: code, tables, logs, other languages and scripts."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest

from freshet.expectations.document_rules import DOCUMENT_RULES
from freshet.tasks.documents.checks import Subject
from freshet.tasks.documents.checks.content import check_encoding
from freshet.tasks.documents.checks.garbled import BASE64, MOJIBAKE, NO_WORDS, SYMBOLS
from freshet.tasks.documents.elements import SEPARATOR, Element, ParsedDocument

RULES = {rule.code: rule for rule in DOCUMENT_RULES}
PROSE = (
    "People who travel for work book their journeys at least two weeks ahead. The travel desk answers questions on "
    "weekdays between nine and five, and a manager approves every journey before it is paid for. Whoever has to cancel "
    "tells the desk at once, so that the hotel and the airline can be told in time and nothing is lost."
)
LONG = f"{PROSE} {PROSE}"
RUSSIAN = (
    "Все люди рождаются свободными и равными в своем достоинстве и правах. Они наделены разумом и совестью и должны "
    "поступать в отношении друг друга в духе братства. Каждый человек имеет право на жизнь, на свободу и на личную "
    "неприкосновенность. Никто не должен содержаться в рабстве или в подневольном состоянии."
)
JAPANESE = "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。" * 8
HINDI = "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है। " * 6


def shifted(text: str, by: int) -> str:
    """What a PDF gives whose font maps glyphs to characters by their number."""
    return "".join(chr(ord(char) + by) for char in text if ord(char) + by > ord(" "))


def noise(size: int) -> bytes:
    return b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(size // 32 + 1))[:size]


def judged(*texts: str, kind: str = "NarrativeText") -> dict[str, dict[str, Any]]:
    elements, at = [], 0
    for text in texts:
        elements.append(Element(kind, at, at + len(text)))
        at += len(text) + len(SEPARATOR)
    document = ParsedDocument(SEPARATOR.join(texts), elements)
    found = check_encoding(Subject("a", document, datetime(2026, 3, 1, tzinfo=UTC)), RULES)
    return {verdict.code: verdict.evidence for verdict in found}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (shifted(LONG, -29), NO_WORDS),
        (shifted(LONG, 3), NO_WORDS),
        (" ".join(shifted(word, -29) for word in LONG.split()), NO_WORDS),
        (LONG.lower().translate(str.maketrans("abcdefghijklmnopqrstuvwxyz", "qwzxvbkjghfdsmnptryciuloea")), NO_WORDS),
        (RUSSIAN.encode("cp1251").decode("latin-1"), MOJIBAKE),
        (RUSSIAN.encode("koi8-r").decode("cp1252", "ignore"), MOJIBAKE),
        (RUSSIAN.encode().decode("cp1252", "ignore"), MOJIBAKE),
        (JAPANESE.encode().decode("cp1252", "ignore"), MOJIBAKE),
        (RUSSIAN.encode().decode("koi8-r"), MOJIBAKE),
        ("!@#$ %^&* ()_+ |}{: \"?>< ~`-= [];' " * 20, SYMBOLS),
        (shifted(LONG, -63), SYMBOLS),
        (base64.b64encode(noise(3000)).decode(), BASE64),
        (base64.encodebytes(noise(3000)).decode(), BASE64),
        (" ".join(base64.encodebytes(noise(3000)).decode().split()), BASE64),
    ],
)
def test_a_text_that_nobody_can_read_is_garbled(text: str, kind: str) -> None:
    evidence = judged(text)["CONTENT-GARBLED"]
    assert max(evidence["kinds"], key=evidence["kinds"].get) == kind
    assert evidence["share"] >= 0.4
    assert evidence["places"][0]["start"] == 0


PYTHON = "def read(path, *, limit=None):\n    with open(path) as file:\n        return [one for one in file][:limit]\n"
SCRIPT = (
    '!function(e,t){for(var n=0;n<t.length;n++){var r=t[n];r.enumerable=r.enumerable||!1,"value"in r&&(r.w=!0)}}(w,d);'
)
MACHINE = "mov eax, ebx\npush rbp\nmov rbp, rsp\nsub rsp, 0x20\ncall qword ptr [rax]\nxor ecx, ecx\njne 0x4010\nret\n"
CHESS = "1. e4 e5 2. Nf3 Nc6 3. Bb5 a6 4. Ba4 Nf6 5. O-O Be7 6. Re1 b5 7. Bb3 d6 8. c3 O-O 9. h3 Nb8 10. d4 Nbd7 "
LOG = '10.0.0.1 - - [01/Mar/2026:12:00:01 +0000] "GET /a/b?id=7 HTTP/1.1" 200 5316 "-" "curl/8.5.0" rid=7f3a9c1e-22\n'
JSON = '{"id": 7, "tags": ["a", "b"], "at": {"x": 1.5, "y": -2}, "ok": true, "next": null}, '
ACRONYMS = (
    "HTTP HTML TLS SSL DNS TCP UDP XML JSON YAML CSV PDF SQL SSH FTP SMTP LDAP VPN NAT DHCP BGP MPLS VLAN RFC CPU "
)


@pytest.mark.parametrize(
    "text",
    [
        PROSE, RUSSIAN, JAPANESE, HINDI,
        PYTHON * 6, SCRIPT * 6, MACHINE * 8, CHESS * 8, LOG * 8, JSON * 10, ACRONYMS * 6,
        "| name | mean | median |\n|------|-----:|-------:|\n" + "| Ada | 1.25 | 7,000 |\n" * 30,
        "12.5 | 17.25 | -3.1 | 44 % | 1,024 | (7) | +/- 0.5\n" * 30,
        "Chapter one " + "." * 200 + " 12\n" + "-" * 400 + "\n" + "=" * 400 + "\n" + PROSE,
        "ACGTTGCATGACCGTA" * 60,
        "\n".join(f"{hashlib.sha256(b'%d' % n).hexdigest()}  file-{n}.txt" for n in range(30)),
        "\n".join(noise(16 * 40).hex(" ")[at : at + 47] for at in range(0, 1800, 48)),
        "QX7K4-44B2M-K9TRW-PPL3D-ZX8VB 7HJKM-WQ2RT-MNB4V-CXZ9L-KJH3G\n" * 20,
        "Genir pawb yn rhydd ac yn gydradd â'i gilydd mewn urddas a hawliau. Fe'u cynysgaeddir â rheswm. " * 6,
        "Hānau kūʻokoʻa ʻia nā kānaka apau loa, a ua kau like ka hanohano a me nā pono kīvila ma luna o lākou. " * 6,
        "Tất cả mọi người sinh ra đều được tự do và bình đẳng về nhân phẩm và quyền. Mọi con người đều tốt. " * 6,
        "Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw. Są oni obdarzeni. " * 6,
        "Rén rén shēng ér zìyóu, zài zūnyán hé quánlì shàng yīlǜ píngděng. Tāmen fùyǒu lǐxìng hé liángxīn. " * 6,
        "∀x ∈ ℝ: f(x) = ∑ aₙxⁿ, where aₙ → 0 as n → ∞ and the sum converges for all real numbers x. " * 8,
        f"The certificate:\n{base64.encodebytes(noise(300)).decode()}\n{LONG}",
        shifted(PROSE, -29)[:150],
    ],
)  # fmt: skip
def test_what_is_merely_odd_is_not_garbled(text: str) -> None:
    assert "CONTENT-GARBLED" not in judged(text)


@pytest.mark.parametrize("kind", ["CodeSnippet", "Table"])
def test_code_and_tables_may_hold_anything(kind: str) -> None:
    assert judged(shifted(LONG, -29), base64.b64encode(noise(3000)).decode(), kind=kind) == {}


def test_some_pages_that_cannot_be_read_among_many_are_not_told_and_most_of_them_are() -> None:
    bad, good = shifted(f"{LONG} {LONG} {LONG}", -29), f"{LONG} {LONG} {LONG} {LONG}"
    assert judged(good, good, bad) == {}
    evidence = judged(bad, good, bad, bad)["CONTENT-GARBLED"]
    assert list(evidence["kinds"]) == [NO_WORDS]
    assert evidence["share"] == evidence["kinds"][NO_WORDS] < 1


def test_a_little_mojibake_stays_a_matter_of_encoding() -> None:
    text = "Wer dienstlich über Straßen reist, grüßt fünf Führungskräfte. ".encode().decode("cp1252") * 8
    assert list(judged(text)) == ["CONTENT-ENCODING"]
