"""Markdown tables: what stands in a cell is shown as it is, and nothing in it ends the cell or is obeyed."""

from __future__ import annotations

import re
from html import unescape

import pytest
from markdown_it import MarkdownIt

from freshet.tasks.render.markdown import Markup, code, plain, table


def cells(markdown: str) -> list[list[str]]:
    """The rows that a reader of Markdown sees, as HTML."""
    html = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(markdown)
    return [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row) for row in re.findall(r"<tr>(.*?)</tr>", html, re.S)]


@pytest.mark.parametrize(
    "value",
    [
        "a | b", "a\\| b", "*a* _b_ __c__ .__d__ ~~e~~", "`a`", "[a](b) ![c](d)", "<script>x</script> <b>",
        "&lt; &amp;", "1. a", "# a", "- a", "max_tokens a__b _", "$x$",
    ],
)  # fmt: skip
def test_a_value_is_shown_as_it_is(value: str) -> None:
    (_, (shown, last)) = cells(table(["a", "b"], [[value, "last"]]))
    assert unescape(shown) == value
    assert last == "last"


def test_urls_are_no_links_and_lines_are_one() -> None:
    written = table(["a"], [["see https://x.example\nand www.x.example \u202eevil\x00"]])
    assert "://" not in written
    assert "www." not in written
    assert unescape(cells(written)[1][0]) == "see https://x.example and www.x.example �evil�"


def test_markdown_of_our_own_stands_as_it_is() -> None:
    shown = cells(table(["a", Markup("**b**")], [[code("x|y `z`"), Markup("[due](https://ui.example/1)")]]))
    assert shown[0] == ["a", "<strong>b</strong>"]
    assert shown[1] == ["<code>x|y z</code>", '<a href="https://ui.example/1">due</a>']


def test_numbers_are_written_for_people_and_stand_to_the_right() -> None:
    written = table(["name", "rows", "seconds"], [["a", 12345, 0.123456], ["b", None, 1234.5], ["c", 7, 3.0]])
    assert written.splitlines()[1] == "| --- | --: | --: |"
    assert cells(written)[1:] == [["a", "12\u202f345", "0.1235"], ["b", "–", "1\u202f234"], ["c", "7", "3"]]
    assert table(["yes"], [[True]]).splitlines()[1:] == ["| --- |", "| True |"]


def test_a_padded_table_has_columns_of_one_width_and_says_the_same() -> None:
    rows = [["a", 1], ["long name", 1000]]
    padded = table(["name", "n"], rows, padded=True)
    assert len({len(line) for line in padded.splitlines()}) == 1
    assert padded.splitlines()[2] == "| a         |     1 |"
    assert cells(padded) == cells(table(["name", "n"], rows))


def test_a_line_of_plain_text_begins_no_list_and_no_heading() -> None:
    for text in ("1. a", "2) a", "- a", "+ a", "# a", "=== a"):
        assert MarkdownIt().render(plain(text)) == f"<p>{text}</p>\n"
