"""What reads texts takes time in proportion to them, whatever they hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from freshet.tasks.answers.support.judge import judge
from freshet.tasks.answers.support.quoting import supporting_span
from freshet.tasks.datasets.checks import content, generation, preference
from freshet.tasks.datasets.checks.arithmetic import steps
from freshet.tasks.datasets.checks.rows import Row
from freshet.tasks.datasets.checks.support import unsupported
from freshet.tasks.documents.checks.frame import frame_of
from freshet.tasks.documents.parse import tagger
from freshet.tasks.documents.parse.build import clean
from freshet.tasks.documents.parse.coverage.compare import compare
from freshet.tasks.documents.parse.coverage.markup import html_passages
from freshet.tasks.documents.parse.coverage.plain import lines_of, markdown_lines
from freshet.tasks.documents.parse.decode import decode
from freshet.tasks.documents.parse.hidden import hidden_in_html, hidden_in_markdown
from freshet.tasks.documents.parse.html.reader import html_blocks
from freshet.tasks.documents.parse.links import html_links
from freshet.tasks.documents.parse.mail.calendar import calendar_blocks
from freshet.tasks.documents.parse.pandoc_includes import included_files, without_included_tables
from freshet.tasks.documents.parse.rtf import rtf_in_unicode
from freshet.tasks.render.markdown import plain
from freshet.tasks.settings.addresses import mask_credentials, safe_reason, without_credentials
from freshet.tasks.text.borders import blocks, clauses, lines, sentences, words
from freshet.tasks.text.findings import mask_addresses
from freshet.tasks.text.instructions import find_instructions
from freshet.tasks.text.invisible import find_invisible, without_invisible
from freshet.tasks.text.normalise import normalise
from freshet.tasks.text.personal_data import find_personal_data
from freshet.tasks.text.secrets import find_secrets
from freshet.tasks.text.symbols import normalise_with_symbols
from freshet.tasks.text.words.language import language_of
from tests.hostile.made_up import texts_of, texts_of_pieces, that_grows_too_fast


@pytest.fixture(scope="module", autouse=True)
def _tagger() -> None:
    tagger.install_tagger()


def row(text: str, format: Any = "prompt_completion") -> Row:
    """A row that has a text for its prompt, its answers and its passage."""
    held = {"prompt": text, "completion": text} if format == "prompt_completion" else {"chosen": text, "rejected": text}
    return Row(1, format, held, text, text, f"{text} " if format == "preference" else None, text)


LONGEST_LINE = 4_900
"""Characters of a line that is looked at whole for keys: of a longer one, only what stands around a candidate is."""
SAID = "Ada paid 1,200 euros for “a plain rule” on 3 March 2021, and not a. 0 a"

READERS: dict[str, Callable[[str], object]] = {
    "sentences": sentences,
    "clauses": clauses,
    "words": words,
    "lines": lines,
    "blocks": blocks,
    "sentence judged": lambda text: judge(text, [SAID], [0]),
    "sentence judged by a passage": lambda text: judge(SAID, [text], [0]),
    "sentence judged by one like it": lambda text: judge(f"{text} 7", [f"{text} 8"], [0]),
    "supporting span": lambda text: supporting_span(SAID, text),
    "sentences of the tagger": lambda text: list(tagger._Doc(text).sents),
    "tokens of the tagger": lambda text: sum(1 for _ in tagger._Doc(text)),
    "arithmetic": lambda text: list(steps(text)),
    "language": language_of,
    "frame": frame_of,
    "clean": clean,
    "coverage of HTML": lambda text: list(html_passages(text)),
    "coverage of Markdown": lambda text: list(markdown_lines(text)),
    "coverage": lambda text: compare(lines_of(text[::-1]), text),
    "decode": lambda text: decode(text.encode("utf-8", "replace"), markup=True),
    "hidden in HTML": hidden_in_html,
    "hidden in Markdown": hidden_in_markdown,
    "HTML": html_blocks,
    "links of HTML": html_links,
    "RTF": lambda text: rtf_in_unicode(text.encode("utf-8", "replace")),
    "RTF in bytes": lambda text: rtf_in_unicode(text.encode("cp1252", "replace") + b"\xe9"),
    "calendar": calendar_blocks,
    "included files": lambda text: [included_files(text, kind) for kind in ("rst", "org")],
    "included tables": without_included_tables,
    "plain Markdown": plain,
    "addresses": mask_addresses,
    "credentials": mask_credentials,
    "addresses without credentials": without_credentials,
    "reasons": lambda text: safe_reason(OSError(text), "s3://ada:secret@bucket/p"),
    "instructions": find_instructions,
    "invisible": find_invisible,
    "without invisible": without_invisible,
    "normal form": normalise,
    "normal form with symbols": normalise_with_symbols,
    "personal data": find_personal_data,
    "secrets": find_secrets,
    "merged": lambda text: list(generation.merged(row(text))),
    "merged prompt": lambda text: list(generation.merged_prompt(row(text))),
    "refusal": lambda text: list(generation.refusal(row(text))),
    "truncated": lambda text: list(generation.truncated(row(text))),
    "wrong steps": lambda text: list(generation.wrong_steps(row(text))),
    "empties": lambda text: list(content.empties(row(text))),
    "placeholders": lambda text: list(content.placeholders(row(text), frozenset({"<none>"}))),
    "impossible": lambda text: list(content.impossible(row(text))),
    "unsupported": lambda text: list(unsupported(row(text), 0.5)),
    "alike": lambda text: list(preference.alike(row(text, "preference"))),
    "echoes": lambda text: list(preference.echoes(row(text, "preference"))),
}


@pytest.mark.parametrize("name", READERS)
def test_a_reader_of_texts_is_linear_on_a_hundred_kilobytes_of_hostile_text(name: str) -> None:
    def read(text: Any) -> object:
        return READERS[name](text)

    assert that_grows_too_fast(read, texts_of_pieces()) is None


@pytest.mark.parametrize(
    "name", ["softlayer_key", '["cloudant_apikey"]', "ibm_cloud_iam_api_key", "cos_secret_access_key"]
)
def test_the_name_of_a_key_before_many_spaces_is_read_in_linear_time(name: str) -> None:
    def read(text: Any) -> object:
        return find_secrets(f"{text[:LONGEST_LINE]}=")

    assert (
        that_grows_too_fast(read, texts_of([(f"password=1 {name}", " ", ""), (f"password=1 {name} =", " ", "")]))
        is None
    )


ELEMENTS = (
    "<div>", "<b>", "<p>a", "<x-a>", "<x-a>b</x-a>", "<sup>", "<sup>1", "<ul><li>", "<dt>a", "<dl><dt>a<dd>b",
    "<table>", "<td>a", "<table><tr><td>a", "<td colspan=99>a", "<tr><td rowspan=99>a", "<tr><td rowspan=0 colspan=3>x",
    "<caption>a", "<table>a<table>", "<select><option>a", "<textarea>a", "<br>a", "<br><br>a", "<pre>a<div>",
    "<ruby>a<rt>b", "<svg><text>a", "<math><mi>x", "<mfrac>", "<h1>a", "<p hidden>", "<details><summary>a", "<object>a",
    "</p>", "</table>", "<a>b</a>", "<template>", "<form><tr>", "- a<br>",
)  # fmt: skip


@pytest.mark.parametrize("read", [html_blocks, html_links, hidden_in_html])
def test_a_reader_of_html_is_linear_on_any_element_that_is_repeated(read: Callable[[str], object]) -> None:
    parts = [(before, piece, "") for piece in ELEMENTS for before in ("", "<!-- c -->")]
    assert that_grows_too_fast(read, texts_of(parts)) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("One. Two.", ["One.", "Two."]),
        (
            'He said "No." Then... And? (Yes!) Well',
            ['He said "No."', "Then...", "And?", "(Yes!)", "Well"],
        ),
        ("v1.2...x. y", ["v1.2...x.", "y"]),
        ("." * 20_000, ["." * 20_000]),
    ],
)
def test_the_tagger_ends_sentences_at_stops_before_white_space(text: str, found: list[str]) -> None:
    assert [one.text for one in tagger._Doc(text).sents] == found
