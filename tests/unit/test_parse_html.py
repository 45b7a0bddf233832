"""HTML is read by the rule of browsers: what is displayed is text, whatever its element is called."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from freshet.tasks.documents.parse.html.reader import html_blocks
from freshet.tasks.documents.parse.links import html_links
from freshet.tasks.documents.parse.markup import parse_html, parse_xml
from freshet.tasks.documents.parse.tagger import install_tagger


@pytest.fixture(scope="module", autouse=True)
def _tagger() -> None:
    install_tagger()


def texts(markup: str) -> list[str]:
    return [block.text for block in html_blocks(markup)]


def kinds(markup: str) -> list[tuple[str, str]]:
    return [(block.kind, block.text) for block in html_blocks(markup)]


@pytest.mark.parametrize(
    ("markup", "found"),
    [
        ("<form><div><p>Tariff is seventeen.</p></div></form>", ["Tariff is seventeen."]),
        ("<details><summary>Refunds</summary><p>In nine days.</p></details>", ["Refunds", "In nine days."]),
        ("<details><summary>Q</summary>A in the open.</details>", ["Q", "A in the open."]),
        ("<figure><img src=x.png><figcaption>The pump</figcaption></figure>", ["The pump"]),
        ("<p>The fee is <ins>thirty</ins> <font color=navy>euros</font>.</p>", ["The fee is thirty euros."]),
        ("<nav>Home</nav><header>Top</header><main>M</main><footer>F</footer>", ["Home", "Top", "M", "F"]),
        ("<div><h2>Notice</h2></div><main><p>Rules.</p></main><aside>Also</aside>", ["Notice", "Rules.", "Also"]),
        ("<dialog open>Shown</dialog><dialog>Closed</dialog>", ["Shown"]),
        ("<h2>Q</h2><p>B</p><div>7</div><ul><li>x</li></ul>", ["Q", "B", "7", "x"]),
        ("<h7>Unknown</h7> tail", ["Unknown tail"]),
        ("<head><title>T</title><x-a>In the head</x-a></head>", ["In the head"]),
        ("<object data=x.pdf>The price list</object>", ["The price list"]),
        ("<marquee>Sale</marquee><center>Today</center>", ["Sale", "Today"]),
        ("<p>Low &amp; high&nbsp;tide</p>", ["Low & high tide"]),
        ("<template shadowrootmode=open><p>Shadow</p></template><template><p>Never</p></template>", ["Shadow"]),
    ],
)  # fmt: skip
def test_text_of_any_displayed_element_is_text(markup: str, found: list[str]) -> None:
    assert texts(markup) == found


@pytest.mark.parametrize(
    "markup",
    [
        "<script>never()</script>",
        "<style>p{never:1}</style>",
        "<title>never</title>",
        "<noscript>never</noscript>",
        "<!-- never -->",
        "<?never ?>",
        "<p hidden>never</p>",
        "<p style='color:red; DISPLAY : none'>never</p>",
        "<p>a <b hidden>never</b></p>",
        "<video>never</video><canvas>never</canvas><iframe>never</iframe><datalist><option>never</datalist>",
        "<svg><title>never</title><desc>never</desc><text>seen in a drawing</text></svg>",
        "<input type=hidden value=never><input type=password value=never>",
        "<p>a <del>never</del></p>",
        "<table><tr><td hidden>never</td><td>a</td><td>b</td></tr></table>",
        "<xml><w:View>never</w:View></xml>",
    ],
)
def test_what_browsers_do_not_display_is_no_text_and_what_follows_it_is(markup: str) -> None:
    found = "\n".join(texts(f"<p>before</p>{markup}after"))
    assert "never" not in found
    assert found.startswith("before")
    assert found.endswith("after")


def test_what_hides_and_shows_again_is_displayed() -> None:
    assert texts("<p style='display:none;display:block'>a</p><p hidden=until-found>b</p>") == ["a", "b"]
    assert texts("<body style='display:none'><p>shown by a script</p></body>") == ["shown by a script"]


@pytest.mark.parametrize(
    ("markup", "found"),
    [
        ("<doc-card><doc-title>Permit</doc-title><p>Six months.</p></doc-card>", ["Permit", "Six months."]),
        ("<div><x-a>One</x-a><x-b>Two</x-b></div>", ["One", "Two"]),
        ("<p>The <x-term>fee</x-term>, as <x-b>agreed</x-b>.</p>", ["The fee, as agreed."]),
        ("<p><x-a>One</x-a><x-b>Two</x-b></p>", ["One Two"]),
        ("<p>$<ix:nonfraction>1,234</ix:nonfraction>.</p>", ["$1,234."]),
        ("<p>un<b>believ</b>able <i>W</i>ater</p>", ["unbelievable Water"]),
        ("<div>Intro<div>inner</div>tail <a><p>in a link</p></a></div>", ["Intro", "inner", "tail", "in a link"]),
        ("<a href=a>Home</a><a href=b>About</a>", ["Home About"]),
        ("<span style='display:block'>a</span><span style='display:block'>b</span>", ["a", "b"]),
        ("<label>Name</label><button>Send</button>", ["Name Send"]),
        ("<td>a</td><td>b</td>", ["a", "b"]),
    ],
)  # fmt: skip
def test_words_run_together_only_within_a_line(markup: str, found: list[str]) -> None:
    assert texts(markup) == found


@pytest.mark.parametrize(
    ("markup", "found"),
    [
        ("10<sup>6</sup> units", "10^6 units"),
        ("10<sup>-3</sup>", "10^-3"),
        ("x<sup>n + 1</sup>", "x^(n + 1)"),
        ("the 1<sup>st</sup> and 2<sup>e</sup>, M<sup>me</sup>, Acme<sup>TM</sup>", "the 1st and 2e, Mme, AcmeTM"),
        ("costs 5.<sup>1</sup>", "costs 5.^1"),
        ("a note<sup>[1]</sup>", "a note[1]"),
        ("2<sup>3<sup>2</sup></sup>", "2^(3^2)"),
        ("m<sup>2</sup>5", "m^2 5"),
        ("H<sub>2</sub>O and CO<sub>2</sub>", "H2O and CO2"),
        ("x<sub>i</sub>, 101<sub>2</sub>", "x_i, 101_2"),
        ("<ruby>漢<rt>kan</rt></ruby> <ruby>字<rp>(</rp><rt>ji</rt><rp>)</rp></ruby>", "漢(kan) 字(ji)"),
        ("<math><mi>Rate</mi><mo>=</mo><msup><mi>x</mi><mn>2</mn></msup></math>", "Rate = x^2"),
        ("<math><mfrac><mrow><mi>a</mi><mo>+</mo><mn>1</mn></mrow><mi>b</mi></mfrac></math>", "(a + 1)/b"),
        ("<math><semantics><mi>z</mi><annotation encoding=TeX>\\zeta</annotation></semantics></math>", "\\zeta"),
        ("rate <math alttext='r'><mi>q</mi></math> now", "rate r now"),
        ("<math><msqrt><mn>2</mn></msqrt></math>", "sqrt(2)"),
        ("Press <img src=g.png alt=gear> now", "Press gear now"),
    ],
)  # fmt: skip
def test_raised_and_lowered_signs_readings_and_formulas_keep_their_meaning(markup: str, found: str) -> None:
    assert texts(f"<p>{markup}</p>") == [found]


def test_a_break_is_a_line_and_two_are_a_paragraph() -> None:
    assert texts("<p>12 Mill Lane<br>Riverton<br> <br>Tel. 5</p>") == ["12 Mill Lane\nRiverton", "Tel. 5"]
    assert kinds("<h1>Fees of<br>the pool</h1>") == [("Title", "Fees of the pool")]
    assert kinds("<p>- boots<br>- rope</p>") == [("ListItem", "boots"), ("ListItem", "rope")]


def test_headings_lists_code_and_prose_have_their_kinds() -> None:
    page = (
        "<h2>Leave<div>of staff</div></h2>"
        "<ul><li>one <b>x</b><ul><li><p>two</p><p>more of it</p></li></ul>rest</li></ul>"
        "<pre>a  b\n  c<div>d</div><br>e</pre><p>She asked for a day and got it.</p><img src=x alt=Pump><h4>Fees</h4>"
    )
    assert [(block.kind, block.level, block.text) for block in html_blocks(page)] == [
        ("Title", 2, "Leave"),
        ("Title", 2, "of staff"),
        ("ListItem", 0, "one x"),
        ("ListItem", 0, "two"),
        ("UncategorizedText", 0, "more of it"),
        ("UncategorizedText", 0, "rest"),
        ("CodeSnippet", 0, "a  b\n  c\nd\ne"),
        ("NarrativeText", 0, "She asked for a day and got it."),
        ("Image", 0, "Pump"),
        ("Title", 4, "Fees"),
    ]


@pytest.mark.parametrize(
    ("markup", "found"),
    [
        ("<dl><dt>Deposit</dt><dd>Forty euros</dd></dl>", ["Deposit: Forty euros"]),
        ("<dl><dt>Mash</dt><dd>malt</dd><dd>to mix</dd></dl>", ["Mash: malt", "to mix"]),
        ("<dl><dt>Ale</dt><dt>Beer</dt><dd>a drink</dd><dt>Wort</dt></dl>", ["Ale, Beer: a drink", "Wort"]),
        ("<dl><dt>How long?</dt><dd><p>Six weeks.</p><p>More.</p></dd></dl>", ["How long? Six weeks.", "More."]),
        ("<dl><div><dt>Floor</dt><dd>7</dd></div></dl>", ["Floor: 7"]),
        ("<dl><dt>f(x)</dt><dd><pre>code</pre></dd></dl>", ["f(x)", "code"]),
        ("<dl><dt>A</dt><dd><dl><dt>B</dt><dd>c</dd></dl></dd></dl>", ["A", "B: c"]),
    ],
)  # fmt: skip
def test_a_definition_follows_its_term(markup: str, found: list[str]) -> None:
    assert texts(markup) == found


def test_fields_of_a_form_show_what_is_filled_in() -> None:
    page = (
        "<form><fieldset><legend>Delivery</legend><label>Name: <input value='Ada Moss'></label>"
        "<label><input type=checkbox checked> by post</label><label><input type=radio> by hand</label>"
        "<select><option>Mon<option selected>Tue</select><select multiple><option>a<option>b</select>"
        "<select><option>first<option>second</select><textarea>Ring\ntwice</textarea><button>Send</button>"
        "<input type=submit value=Go></fieldset></form>"
    )
    assert texts(page) == ["Delivery", "Name: Ada Moss [x] by post [ ] by hand Tue a, b first Ring\ntwice Send Go"]


TABLES = {
    "a spanning row stands in each row": (
        "<tr><th>Year<th>Month<th>Revenue<tr><td rowspan=2>2025<td>January<td>134<tr><td>February<td>150",
        "Year | Month | Revenue\n2025 | January | 134\n2025 | February | 150",
    ),
    "a spanning head stands over each column": (
        "<tr><th rowspan=2>Crew<th colspan=2>Evening<tr><th>Mon<th>Tue<tr><td>grey<td colspan=2>nobody",
        "Crew | Evening | Evening\nCrew | Mon | Tue\ngrey | nobody | nobody",
    ),
    "a cell over the whole table stands once": (
        "<tr><td colspan=2>Group A<tr><td><td>Marks<tr><td>Threes<td>4",
        "Group A\n | Marks\nThrees | 4",
    ),
    "columns that only make room are left out": (
        "<tr><td>Item 1<td colspan=3>&nbsp;<td>Business<tr><td>Item 2<td colspan=3><td>Risk",
        "Item 1 | Business\nItem 2 | Risk",
    ),
    "an empty cell keeps its place": ("<tr><td>a<td><td>b<tr><td>c<td>d", "a |  | b\nc | d"),
    "rows of all groups": (
        "<thead><tr><td>a<td>b<tbody><tr><td>c<td>d<tfoot><tr><td>e<td>f",
        "a | b\nc | d\ne | f",
    ),
    "cells without a row": ("<td>1<td>2<tr><td>3<td>4", "1 | 2\n3 | 4"),
    "rows within a form": ("<form><tr><td>1<td>2</form>", "1 | 2"),
    "a row that spans to the end": ("<tr><td rowspan=0>a<td>1<tr><td>2<tr><td>3", "a | 1\na | 2\na | 3"),
    "structure within a cell": (
        "<tr><td><p>one<p>two<ul><li>x</ul><td>a<br>b<dl><dt>T<dd>d</dl>",
        "one two x | a b T: d",
    ),
    "a table within a cell": ("<tr><td>a<table><tr><td>b<td>c</table><td>d", "a b c | d"),
    "wrong spans": ("<tr><td rowspan=x colspan=-1>a<td colspan=''>b", "a | b"),
    "letters of one word": ("<tr><td><b>W</b>ater<td>10<sup>6</sup>", "Water | 10^6"),
}


@pytest.mark.parametrize("name", TABLES)
def test_each_value_of_a_table_stands_under_its_own_header(name: str) -> None:
    rows, found = TABLES[name]
    assert kinds(f"<table>{rows}</table>") == [("Table", found)]


def test_a_long_cell_is_not_repeated_and_keeps_its_columns() -> None:
    text = "word " * 60
    (block,) = html_blocks(f"<table><tr><td rowspan=2>{text}<td>a<td>b<tr><td>c<td>d</table>")
    assert block.text == f"{text.strip()} | a | b\n | c | d"


def test_captions_and_text_beside_cells_come_before_their_table() -> None:
    page = "<table><caption>Fees</caption><tr>loose<td>Punt<td>12</table><p>End</p>"
    assert texts(page) == ["Fees", "loose", "Punt | 12", "End"]


def test_a_table_without_cells_side_by_side_is_the_frame_of_a_page() -> None:
    assert kinds("<table><tr><td>one line<tr><td>another</table>") == [("NarrativeText", "one line\nanother")]
    page = "<table><tr><td><h1>News</h1><p>It rained and rained.</p><table><tr><td>a<td>b</table><tr><td>foot</table>"
    assert kinds(page) == [
        ("Title", "News"),
        ("NarrativeText", "It rained and rained."),
        ("Table", "a | b"),
        ("UncategorizedText", "foot"),
    ]
    assert texts("<table role=presentation><tr><td><h2>Left</h2><td><p>right</p></table>") == ["Left", "right"]


def test_spans_that_would_fill_the_memory_are_bounded() -> None:
    head = "<td rowspan=65534 colspan=1000>a</td>" * 300
    (block,) = html_blocks(f"<table><tr>{head}</tr>{'<tr><td>b</td></tr>' * 3_000}</table>")
    assert len(block.text) < 400_000
    assert block.text.count("b") == 3_000


def test_drawings_give_their_labels_and_icons_part_no_sentence() -> None:
    assert texts("<p>Click <svg><path d=x /></svg> here</p>") == ["Click here"]
    assert texts("<svg><g><text>Mon</text><text>Tue <tspan>1</tspan></text></g></svg>") == ["Mon\nTue 1"]


@pytest.mark.parametrize("depth", [300, 3_000, 10_000])
@pytest.mark.parametrize("tag", ["div", "b", "x-y", "ul><li", "blockquote", "sup", "dl><dd"])
def test_no_depth_is_too_deep(tag: str, depth: int) -> None:
    markup = f"<p>before</p>{f'<{tag}>' * depth}deep<a href=there>er</a><p>still"
    assert "".join("".join(texts(markup)).split()) == "beforedeeperstill"
    assert [link.target for link in html_links(markup)[0]] == ["there"]


def test_text_in_ten_thousand_tables_is_not_lost() -> None:
    found = "\n".join(texts(f"<p>before</p>{'<table><tr><td>' * 10_000}deep<p>still</p><b>there"))
    assert sorted(found.split()) == ["before", "deep", "still", "there"]


def test_a_caption_that_is_also_the_text_of_its_picture_stands_once() -> None:
    page = "<figure><img src=x alt='The  pump'><figcaption>The pump<p>of 1904</p></figcaption></figure>"
    assert texts(page) == ["The pump", "of 1904"]
    assert texts(page.replace("The  pump", "A pump")) == ["A pump", "The pump", "of 1904"]


def test_a_formula_that_is_written_twice_for_browsers_stands_once() -> None:
    math = "<math><semantics><mi>E</mi><annotation encoding='application/x-tex'>E</annotation></semantics></math>"
    page = f"<p>a <span class=katex><span class=katex-mathml>{math}</span><span class=katex-html>E</span></span> b</p>"
    assert texts(page) == ["a E b"]


def test_empty_pages_have_no_blocks() -> None:
    assert [html_blocks(page) for page in ("", " \n", "<!-- c -->", "<p></p>", "</p>", "\0")] == [[]] * 6


def test_a_charset_is_found_behind_a_long_style(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    style = b"<style>" + b".x{color:red}\n" * 400 + b"</style>"
    meta = b'<meta http-equiv="Content-Type" content="text/html; charset=windows-1251">'
    path.write_bytes(b"<html><head>" + style + meta + "</head><p>Заявление подано.</p>".encode("cp1251"))
    assert parse_html(str(path)).text == "Заявление подано."


def test_hidden_text_below_the_depth_that_parsers_stop_at_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_text("<div>" * 3_000 + "<p style='display:none'>unseen words</p><p>Seen.</p>")
    document = parse_html(str(path))
    assert document.text == "Seen."
    assert document.properties["hidden"] == [{"kind": "not displayed", "count": 1, "chars": 12, "unread": 12}]


def test_hidden_labels_of_a_drawing_are_told(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_text("<p>Seen.</p><svg><text style='display:none'>unseen words</text></svg>")
    document = parse_html(str(path))
    assert document.text == "Seen."
    assert [entry["chars"] for entry in document.properties["hidden"]] == [12]


def test_attributes_of_xml_are_text_with_their_element(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text(
        '<c xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="a b" xml:lang="en">'
        '<person name="Ada Mossbank" phone="5551"/><person name="Bo">a note</person>'
        '<order id="7"><item>boots</item></order><p>See <b ref="9">this</b> now.</p></c>'
    )
    assert parse_xml(str(path)).text == (
        "person (name: Ada Mossbank, phone: 5551)\nperson (name: Bo): a note\n\norder (id: 7)\nitem: boots\n\n"
        "b (ref: 9)\n\nSee this now."
    )


KNOWN_NAMES = """
address article aside blockquote center details div dl dd dt fieldset figure figcaption footer form h1 h2 h6 header
hgroup legend li main menu nav ol p pre search section summary table tbody td th tr ul caption a abbr b bdi big cite
code em font i ins kbd label mark nobr output q ruby rt s samp small span strong sub sup time tt u var button object svg
"""
KNOWN = KNOWN_NAMES.split()
MADE_UP = ["x-card", "app-title", "foo", "o:p", "ix:nonfraction", "h9", "text"]
VOID = ["br", "hr", "wbr", "img", "input"]
UNSEEN = ["script", "style", "template", "noscript", "p hidden", "b style='display:none'"]


def tree(random_one: random.Random, words: list[str], depth: int) -> str:
    """Markup of made-up nesting, in which each displayed text is a word of its own, in order."""
    parts = []
    for _ in range(random_one.randint(1, 4)):
        choice = random_one.random()
        if choice < 0.45 or depth > 6:
            words.append(f"word{len(words):04}end")
            parts.append(f" {words[-1]} " if random_one.random() < 0.5 else words[-1])
        elif choice < 0.5:
            parts.append(f"<{random_one.choice(VOID)}>")
        elif choice < 0.55:
            one = random_one.choice(UNSEEN)
            parts.append(f"<{one}>unseen</{one.split()[0]}>")
        else:
            tag = random_one.choice(MADE_UP if random_one.random() < 0.2 else KNOWN)
            parts.append(f"<{tag}>{tree(random_one, words, depth + 1)}</{tag}>")
    return "".join(parts)


@pytest.mark.parametrize("seed", range(200))
def test_every_displayed_text_of_a_random_tree_is_found_once_and_in_order(seed: int) -> None:
    from lxml import html

    words: list[str] = []
    markup = f"<body><div>start{tree(random.Random(seed), words, 0)}</div>"
    # What libxml2 makes of wrong nesting decides the order; all that is not displayed is spelled "unseen".
    expected = "".join(html.document_fromstring(markup).itertext()).replace("unseen", "")
    wanted = [expected[at : at + 11] for at in range(len(expected)) if expected.startswith("word", at)]
    assert sorted(wanted) == sorted(words)
    found = "\n".join(texts(markup))
    assert "unseen" not in found
    there = [found[at : at + 11] for at in range(len(found)) if found.startswith("word", at)]
    assert sorted(there) == sorted(words), markup
    if "<table" not in markup:  # text beside the cells of a table, its caption too, comes before the table
        assert there == wanted, markup
