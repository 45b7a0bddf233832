"""Citations in every way that models write them, and what looks like one and is text."""

from __future__ import annotations

import pytest

from freshet.tasks.answers.stream import SentenceStream

KEYS = ("k3f", "k9q")


def read(text: str) -> list[tuple[str, tuple[str, ...], int]]:
    stream = SentenceStream(KEYS)
    return [(one.text, one.keys, one.unknown) for one in [*stream.feed(text), *stream.close()]]


CITED_ONCE = (
    "It is 5 [k3f].", "It is 5. [k3f]", "It is 5.[k3f]", "It is 5.\n[k3f]", "It is 5.\n\n[k3f]", "It is 5 [K3F].",
    "It is 5 [ k3f ].", "It is 5 (k3f).", "It is 5 【k3f】.", "It is 5【k3f†source】.", "It is 5 【k3f†L1-L4】.",
    "It is 5 [^k3f].", "It is 5^[k3f]^.", "It is 5 [[k3f]].", "It is 5 [source k3f].", "It is 5 [Source: k3f].",
    "It is 5 [Sources: k3f].", "It is 5 [source: [k3f]].", "It is 5 (source: [k3f]).", "It is 5 (see [k3f]).",
    r"It is 5 \[k3f\].", r"It is 5 \(k3f\).", "It is 5 <k3f>.", "It is 5 {k3f}.", "It is 5 `[k3f]`.",
    "It is 5 `k3f`.", "It is 5 **[k3f]**.", "It is 5 *[k3f]*.", "It is 5 **`[k3f]`**.", "It is 5 k3f.", "It is 5. k3f",
    "It is 5 [k3f](http://a.example/x?y=1).", "It is 5 [k3f](#k3f).", "It is 5 [[k3f]](http://a.example).",
    "It is 5 [k3f][k3f].", "It is 5 [k3f, k3f].", "It is 5 [k3f]. [k3f]", "It is 5. Source: [k3f]", "It is 5. (k3f)",
    "It is 5.\nSource: k3f", "It is 5 [Source k3f, page 2].", "According to [k3f], it is 5.", "[k3f] It is 5.",
    "[k3f]: It is 5.", "[k3f]\nIt is 5.", "Based on source [k3f], it is 5.", "It is 5 [k3f", "It is 5 ［k3f］.",
    "It is 5 [key: k3f].", "It is 5 [\"k3f\"].", "It is 5, source: k3f.", "It is 5; source: [k3f].",
)  # fmt: skip


@pytest.mark.parametrize("text", CITED_ONCE)
def test_a_citation_is_taken_out_however_it_is_written(text: str) -> None:
    ((found, keys, unknown),) = read(text)
    assert found.rstrip(".") == "It is 5"
    assert (keys, unknown) == (("k3f",), 0)


@pytest.mark.parametrize(
    "text",
    [
        "It is 5 [k3f, k9q].", "It is 5 [k3f; k9q].", "It is 5 [k3f][k9q].", "It is 5 [k3f] [k9q].",
        "It is 5 [k3f k9q].",
        "It is 5 [k3f], [k9q].", "It is 5 [k3f] and [k9q].", "It is 5 [k3f and k9q].", "It is 5 [k3f & k9q].",
        "It is 5 (k3f, k9q).", "It is 5 [k3f]. [k9q]", "It is 5 ([k3f], [k9q]).", "It is 5 **[k3f][k9q]**.",
        "It is 5 [k3f/k9q].", "It is 5 [[k3f], [k9q]].",
    ],
)  # fmt: skip
def test_several_citations_are_all_of_the_sentence(text: str) -> None:
    assert read(text) == [("It is 5.", ("k3f", "k9q"), 0)]


@pytest.mark.parametrize(
    ("text", "unknown"),
    [
        ("It is 5 [k0x].", 1), ("It is 5 [k0x, k7p].", 2), ("It is 5 [1].", 1), ("It is 5[1].", 1),
        ("It is 5 [3, 4].", 2), ("It is 5 [1-3].", 2), ("It is 5 [^2].", 1), ("It is 5 【1】.", 1),
        ("It is 5 【4:0†source】.", 1), ("It is 5 [doc 2].", 1), ("It is 5 [Document 12].", 1),
        ("It is 5 (Source 1).", 1),
        ("It is 5 [source].", 1), ("It is 5 (k0x).", 1), ("It is 5 [1][2].", 2), ("It is 5. [1]", 1),
        ("It is 5 [ref. 3].", 1),
    ],
)  # fmt: skip
def test_a_citation_of_nothing_that_was_given_is_taken_out_and_counted(text: str, unknown: int) -> None:
    ((found, keys, counted),) = read(text)
    assert (found.rstrip("."), keys, counted) == ("It is 5", (), unknown)


def test_known_and_unknown_are_told_apart_within_one_bracket() -> None:
    assert read("It is 5 [k3f, k0x].") == [("It is 5.", ("k3f",), 1)]


@pytest.mark.parametrize(
    "text",
    [
        "He wrote [sic] twice.", "The rules of [1996] hold.", "Take arr[0] first.", "Take arr[1] first.",
        "Take row_of[2] first.", "There are (1) pumps and (2) valves.", "See § [3] of it.",
        "The interval [0, 1] is closed.",
        "The ratio is [1/2] there.", "It is [...] long.", "It costs 5 (k8s2) there.", "The k0x is a pump.",
        "Use `a[1]` there.",
        "It opens at [10:30] sharp.", "Press (Enter) twice.", "It is 5 (2024).", "A set {1, 2} of two.",
        "Call it [a] or [b].", "Mix [H2O] well.", "It is 5 (see below).", "It is [citation needed] so.",
        "[ ] is a box to tick.",
    ],
)  # fmt: skip
def test_what_a_text_has_in_brackets_stays(text: str) -> None:
    assert read(text) == [(text, (), 0)]


def test_code_keeps_its_numbers_in_brackets_and_gives_up_its_keys() -> None:
    text = "```python\nfor x in rows:\n    y = x[3] + [1]  # [k3f]\n```\nDone [k9q]."
    assert read(text) == [
        ("for x in rows:", (), 0),
        ("    y = x[3] + [1]", ("k3f",), 0),
        ("Done.", ("k9q",), 0),
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A is 5. [k3f] B is 6. [k9q]", [("A is 5.", "k3f"), ("B is 6.", "k9q")]),
        ("A is 5.\n[k3f] B is 6.\n[k9q]", [("A is 5.", "k3f"), ("B is 6.", "k9q")]),
        ("[k3f] A is 5.\n[k9q] B is 6.", [("A is 5.", "k3f"), ("B is 6.", "k9q")]),
        ("[k3f] A is 5.\n\n[k9q] B is 6.", [("A is 5.", "k3f"), ("B is 6.", "k9q")]),
        ("- A is 5\n  [k3f]\n- B is 6 [k9q]", [("- A is 5", "k3f"), ("- B is 6", "k9q")]),
        ("- [k3f] A is 5\n- [k9q] B is 6", [("- A is 5", "k3f"), ("- B is 6", "k9q")]),
        ("| A | 5 [k3f] |\n|---|---|\n| B | 6 | [k9q]\n", [("A | 5", "k3f"), ("B | 6", "k9q")]),
        ("A is 5. Source: [k3f]\n\nB is 6.\nSource: [k9q]", [("A is 5.", "k3f"), ("B is 6.", "k9q")]),
        ("A is 5 [k3f]\nB is 6 [k9q]\n", [("A is 5", "k3f"), ("B is 6", "k9q")]),
        ("[k3f]\nA is 5.", [("A is 5.", "k3f")]),
        ("The source [k3f] says so.", [("The source says so.", "k3f")]),
        ("It is so (Annual leave, [k3f]).", [("It is so (Annual leave).", "k3f")]),
        ("It is so [k3f], or not.", [("It is so, or not.", "k3f")]),
        ("Dr. [k3f] Ames came.", [("Dr. Ames came.", "k3f")]),
        ("A is 5。[k3f]B is 6。【k9q】", [("A is 5。", "k3f"), ("B is 6。", "k9q")]),
    ],
)
def test_a_citation_goes_to_its_sentence(text: str, found: list[tuple[str, str]]) -> None:
    assert read(text) == [(sentence, (key,), 0) for sentence, key in found]


def test_citations_alone_are_no_sentence() -> None:
    assert read("[k3f] [k9q]") == []
    assert read("It is 5. [k3f]\n\nSources:\n- [k3f]\n- [k9q]\n") == [("It is 5.", ("k3f",), 0)]
