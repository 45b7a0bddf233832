"""Links: what parsers find, what rows say of it, and which of them lead nowhere in a whole corpus."""

from __future__ import annotations

import io
import itertools
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lancedb
import pyarrow as pa
import pytest
from lancedb.table import Table

from freshet.tasks.documents.corpus_findings import restated_verdicts
from freshet.tasks.documents.links.dead import find_dead_links, forgotten_rows
from freshet.tasks.documents.links.rows import address_key, external_address, link_row, plain_anchor, read_target, shown
from freshet.tasks.documents.parse.links import FoundLink, html_links, office_links, pdf_page_links
from freshet.tasks.documents.parse.markdown import markdown_document as parsed
from freshet.tasks.documents.parse.ooxml.package import Package
from freshet.tasks.documents.parse.refusal import Refused
from freshet.tasks.documents.sources.paths import matches
from freshet.tasks.rules.verdicts import Verdict
from freshet.tasks.store import schemas
from tests.conftest import Handbook


def ledger(paths: Mapping[str, str] | list[str]) -> pa.Table:
    """A ledger whose ids are the paths."""
    schema = pa.schema([("doc_id", pa.string()), ("source", pa.string()), ("path", pa.string())])
    rows = [{"doc_id": p, "source": "handbook", "path": p} for p in paths]
    return pa.Table.from_pylist(rows, schema=schema)


def stored(made: list[dict[str, Any]]) -> Table:
    """A table of links in memory, of a database of its own."""
    rows = pa.Table.from_pylist(made, schema=schemas.links())
    return lancedb.connect("memory://").create_table("links", rows)


def rows(pages: Mapping[str, str | None]) -> Table:
    return stored([link_row(p, "handbook", p, None if t is None else parsed(t)) for p, t in pages.items()])


def find(there: pa.Table, table: Table, unlisted: Sequence[tuple[str, str]] = ()) -> dict[str, Verdict]:
    """All verdicts by document."""
    judged = list(find_dead_links(there, table, covers, unlisted))
    ids = [doc_id for one in judged for doc_id in one.documents["doc_id"].to_pylist()]
    assert sorted(ids) == sorted(there["doc_id"].to_pylist()), "each document once"
    return {doc_id: found for one in judged for doc_id, found in one.dead.items()}


def covers(_: str, path: str) -> bool:
    return matches(path, ["**/*.md", "*.html"], ["drafts/**"])


def dead(pages: Mapping[str, str | None], present: list[str] | None = None) -> dict[str, list[tuple[str, str]]]:
    """(target, what is missing) by document."""
    found = find(ledger(list(pages) if present is None else present), rows(pages))
    assert all(v.code == "PROV-LINK" and v.severity == "warn" for v in found.values())
    return {d: [(t["target"], t["missing"]) for t in v.evidence["targets"]] for d, v in found.items()}


# -- what parsers find ----------------------------------------------------------------------------------------------


def test_markdown_links_are_found_in_text_lists_tables_and_raw_html_but_not_in_code() -> None:
    text = (
        "See [leave](leave.md 'Leave').\n\n- an [item](a/b.md#c)\n\n| x |\n|---|\n| [cell](d.md) |\n\n"
        '<p>raw <a class="x" href="e.html">html</a></p>\n\nand <a href=\'f.html\'>inline</a> <https://g.example/>\n\n'
        "`[code](no.md)`\n\n```\n[fence](no.md)\n```\n\n![picture](no.png)"
    )
    targets = [link["target"] for link in parsed(text).properties["links"]]
    assert targets == ["leave.md", "a/b.md#c", "d.md", "e.html", "f.html", "https://g.example/"]


@pytest.mark.parametrize(
    ("written", "target"),
    [
        ('[x]({% page "/leave/#sick" %})', "/leave/#sick"),
        ('[x]({%page "about/us" %})', "/about/us"),
        ('[x]({% link "https://www.gsa.gov" %})', "https://www.gsa.gov"),
        ("[x]({{site.base_url}}/agreements/)", "/agreements/"),
        ("[x]({{ '/b/' | relative_url }})", "/b/"),
        ('[x]({% download "form.pdf" %})', "#"),
        ("[x]({{ some.thing }})", "#"),
        ("[x](plain.md)", "plain.md"),
    ],
)
def test_template_tags_in_links_become_the_paths_they_stand_for(written: str, target: str) -> None:
    assert [link["target"] for link in parsed(f"{written} words").properties["links"]] == [target]


def test_a_link_starts_where_its_text_does_and_nowhere_where_that_is_ambiguous() -> None:
    document = parsed("# Leave\n\nRead [the policy](a.md), then here and [here](b.md), [here](c.md).\n\n[Ask](d.md)")
    starts = {link["target"]: link["start"] for link in document.properties["links"]}
    assert document.text[starts["a.md"] :].startswith("the policy")
    assert document.text[starts["d.md"] :].startswith("Ask")
    assert starts["b.md"] is None
    assert starts["c.md"] is None


def test_html_links_heed_the_base_and_give_ids_and_names() -> None:
    page = (
        '<base href="/docs/"><p id=one>a <a href="b.html">B <b>C</b></a><a name="two"></a><map><area href="#x"></map>'
    )
    links, anchors = html_links(page)
    assert links == [FoundLink("/docs/b.html", "B C"), FoundLink("/docs/#x")]
    assert anchors == ["one", "two"]
    assert html_links("") == ([], [])


def test_front_matter_cannot_pose_as_links() -> None:
    document = parsed("---\nlinks: [{target: gone.md, start: 0}]\nanchors: nonsense\n---\n# A\n\ntext")
    assert document.properties == {"links": [], "anchors": []}


def test_word_links_come_from_relations_and_fields(tmp_path: Path) -> None:
    w = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    r = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    body = (
        f'<w:document xmlns:w="{w}" xmlns:r="{r}"><w:body><w:p><w:hyperlink r:id="r1" w:anchor="top2"><w:r><w:t>the '
        '</w:t></w:r><w:r><w:t>plan</w:t></w:r></w:hyperlink><w:r><w:instrText> HYPERLINK "b.docx" </w:instrText></w:r>'
        "</w:p></w:body></w:document>"
    )
    rels = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f'<Relationship Id="r1" Type="{r}/hyperlink" Target="a.docx" TargetMode="External"/>'
        f'<Relationship Id="r2" Type="{r}/image" Target="media/x.png"/></Relationships>'
    )
    file = tmp_path / "a.docx"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("word/document.xml", body)
        archive.writestr("word/_rels/document.xml.rels", rels)
    with Package(str(file)) as package:
        assert office_links(package) == [FoundLink("a.docx#top2", "the plan"), FoundLink("b.docx")]
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("word/document.xml", "no XML")
    with Package(str(file)) as package:
        assert office_links(package) == []


def test_pdf_links_are_web_addresses_and_other_files() -> None:
    import pypdfium2

    actions = b"<</S/URI/URI(https://example.org/a?b=c)>>", b"<</S/GoToR/F(other.pdf)>>", b"<</S/GoTo/D[3 0 R /Fit]>>"
    annotations = [b"<</Type/Annot/Subtype/Link/Rect[0 0 9 9]/A %b>>" % action for action in actions]
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Annots[%b]>>" % b" ".join(annotations),
    ]
    out = io.BytesIO(b"%PDF-1.4\n")
    out.seek(0, 2)
    places = []
    for number, content in enumerate(objects, 1):
        places.append(out.tell())
        out.write(b"%d 0 obj\n%b\nendobj\n" % (number, content))
    at = out.tell()
    out.write(b"xref\n0 4\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % place for place in places))
    out.write(b"trailer<</Size 4/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % at)
    pdf = pypdfium2.PdfDocument(out.getvalue())
    page = pdf[0]
    assert pdf_page_links(pdf, page) == [FoundLink("https://example.org/a?b=c"), FoundLink("other.pdf")]
    page.close()
    pdf.close()


# -- what a row says -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("a/b.md", "a/b"),
        ("a/b.HTML", "a/b"),
        ("a/b/", "a/b"),
        ("a/b/index.md", "a/b"),
        ("a/b/README.md", "a/b"),
        ("README.md", ""),
        ("a/release-1.2", "a/release-1.2"),
        ("a/form.pdf", "a/form.pdf"),
        ("U\u0308ber.md", "über"),
    ],
)
def test_one_page_has_one_address_however_it_is_written(path: str, key: str) -> None:
    assert address_key(path) == key


@pytest.mark.parametrize(
    "target", ["mailto:a@b.example", "tel:1", "javascript:x()", "../../out.md", "{{x}}/a", "/", ""]
)
def test_targets_that_nobody_can_judge_are_left_out(target: str) -> None:
    assert read_target(target, "a/b.md", set()) is None


def test_external_addresses_keep_their_query_and_lose_their_fragment() -> None:
    assert external_address("https://a.example/b?c#d") == "https://a.example/b?c"
    assert external_address("//a.example/b") == "https://a.example/b"
    assert external_address("ftp://a.example/b") is None
    assert external_address("a/b.md") is None


def test_a_verdict_names_a_target_without_its_query_and_in_short() -> None:
    assert shown("a.md?token=secret#part") == "a.md#part"
    assert len(shown("a" * 5000)) == 200


@pytest.mark.parametrize(
    ("heading", "fragments"),
    [
        ("M&IE and use of the Card", ["m-and-ie-and-use-of-the-card", "mie-and-use-of-the-card"]),
        ("Other people’s money", ["other-people-s-money", "other-peoples-money", "Other%20people%E2%80%99s%20money"]),
        ("3. Café setup", ["3-cafe-setup", "caf%C3%A9-setup", "user-content-3-café-setup"]),
        ("Scope {#what-is-in}", ["what-is-in", "scope"]),
    ],
)
def test_a_heading_is_met_by_the_anchors_that_generators_make_of_it(heading: str, fragments: list[str]) -> None:
    links = " ".join(f"[x](#{fragment})" for fragment in fragments)
    assert dead({"a.md": f"# {heading}\n\n{links}"}) == {}
    assert dead({"a.md": f"# {heading}\n\n[x](#something-else)"}) == {"a.md": [("#something-else", "heading")]}


def test_plain_anchors_are_letters_and_digits() -> None:
    assert plain_anchor("user-content-What_is-Ünew%3F") == "whatisunew"


# -- which links lead nowhere ------------------------------------------------------------------------------------------


def test_a_link_to_a_file_that_the_source_would_take_and_has_not_is_found() -> None:
    pages = {"a/one.md": "[good](two.md) [up](../b.md#part) [gone](gone.md) [odd](../x/y.html)", "a/two.md": "t"}
    pages["b.md"] = "# Part\n\ntext"
    assert dead(pages) == {"a/one.md": [("gone.md", "document"), ("../x/y.html", "document")]}


def test_files_that_the_source_does_not_take_are_not_judged() -> None:
    links = "[draft](drafts/x.md) [code](src/x.py) [form](form.pdf) [folder](scripts/) [site](/somewhere/else/)"
    assert dead({"a.md": links}) == {}


def test_files_that_were_left_out_of_the_listing_do_exist() -> None:
    table = rows({"a.md": "[link](skipped.md)"})
    assert find(ledger(["a.md"]), table, [("handbook", "skipped.md")]) == {}
    assert set(find(ledger(["a.md"]), table)) == {"a.md"}


@pytest.mark.parametrize(
    "link",
    ["leave.md", "leave", "leave/", "leave.html", "./leave.md", "/leave/", "/pages/leave", "LEAVE.md", "../pages/"],
)
def test_the_usual_spellings_of_a_link_to_a_page_lead_there(link: str) -> None:
    pages = {"pages/home.md": f"[x]({link})", "pages/leave.md": "t"}
    assert dead(pages) == {}


def test_a_site_of_folders_may_link_from_a_page_as_from_its_folder() -> None:
    pages = {"tools/slack.md": "[x](records/)", "tools/slack/records.md": "[up](../) [over](../emoji/)"}
    pages["tools/slack/emoji.md"] = "t"
    assert dead(pages) == {}
    assert dead(pages, ["tools/slack.md", "tools/slack/records.md"]) == {
        "tools/slack/records.md": [("../emoji/", "document")]
    }


@pytest.mark.parametrize("link", ["/leave/", "leave.md", "leave/", "/old-leave/"])
def test_removing_a_document_makes_links_of_unchanged_documents_findings(link: str) -> None:
    pages = {"pages/a.md": f"[x]({link})", "pages/leave.md": "---\nredirect_from: [/old-leave/]\n---\ntext"}
    assert dead(pages) == {}
    assert dead(pages, ["pages/a.md"]) == {"pages/a.md": [(link, "document")]}
    moved = {**pages, "pages/new.md": "---\nredirect_from:\n  - /leave/\n  - /old-leave/\n---\ntext"}
    if link.startswith("/"):
        assert dead(moved, ["pages/a.md", "pages/new.md"]) == {}


def test_a_quarantined_document_is_still_there() -> None:
    assert dead({"a.md": "[x](locked.md) [y](locked.md#part)", "locked.md": None}) == {}
    table = rows({"a.md": "[x](locked.md) [y](gone.md)"})
    found = find(ledger(["a.md", "locked.md"]), table)
    assert [t["target"] for t in found["a.md"].evidence["targets"]] == ["gone.md"]


def test_a_heading_that_another_document_lost_is_found_there_and_elsewhere() -> None:
    pages = {"a.md": "[x](b.md#old) [y](/b/#old) [z](b.md#kept)", "b.md": "# Kept\n\n[self](#old)"}
    assert dead(pages) == {"a.md": [("b.md#old", "heading"), ("/b/#old", "heading")], "b.md": [("#old", "heading")]}


@pytest.mark.parametrize(
    "page",
    ["{% include team.md %}\n\ntext", "---\nquestions: [people]\n---\ntext", "text <span id='questions'></span>", None],
)
def test_headings_that_a_layout_or_an_include_may_add_are_not_missed(page: str | None) -> None:
    assert dead({"a.md": "[x](b.md#questions)", "b.md": page}) == {}


def test_fragments_that_name_no_heading_are_not_judged() -> None:
    assert dead({"a.md": "# A\n\n[x](#) [x](#top) [x](#/route) [x](#page=3) [x](#:~:text=a) [x](#L12)"}) == {}


def test_sources_of_a_corpus_do_not_answer_for_each_others_files() -> None:
    one = link_row("1", "one", "a.md", parsed("[x](b.md) [y](/b/)"))
    two = link_row("2", "two", "b.md", parsed("text"))
    table = stored([one, two])
    there = pa.table({"doc_id": ["1", "2"], "source": ["one", "two"], "path": ["a.md", "b.md"]})
    found = find(there, table)
    assert [t["target"] for t in found["1"].evidence["targets"]] == ["b.md"]


def test_any_order_and_any_split_of_the_rows_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    pages = {"a.md": "[x](gone.md) [y](b.md#no)", "b.md": "# B\n\n[z](a.md)", "c.md": "[w](/b/#no) [v](/b/)"}
    expected = dead(pages)
    assert expected
    for order in itertools.permutations(pages):
        with monkeypatch.context() as patch:
            assert dead({path: pages[path] for path in order}) == expected
            for name in ("_READ_AT_ONCE", "DOCUMENTS_AT_ONCE"):
                patch.setattr(f"freshet.tasks.documents.links.dead.{name}", 1)
            assert dead({path: pages[path] for path in order}) == expected


def test_a_verdict_counts_all_links_and_names_the_first() -> None:
    found = find(ledger(["a.md"]), rows({"a.md": " ".join(f"[x{i}](g{i}.md)" for i in range(30))}))
    assert found["a.md"].evidence["links"] == 30
    assert [t["target"] for t in found["a.md"].evidence["targets"]] == [f"g{i}.md" for i in range(20)]


def test_rows_of_documents_that_are_gone_are_kept_as_long_as_something_links_there() -> None:
    pages = {"a.md": "[x](b.md) [y](/deep/d/)", "b.md": "t", "c.md": "t", "pages/deep/d.md": "t"}
    assert forgotten_rows(ledger(list(pages)), rows(pages)) == []
    assert forgotten_rows(ledger(["a.md"]), rows(pages)) == ["c.md"]


def test_the_ledger_is_restated_only_where_findings_are_new_or_gone() -> None:
    pages = {"a.md": "[x](b.md)", "b.md": "t", "c.md": "[x](gone.md)", "d.md": "[y](b.md)"}
    codes = ["PROV-LINK"]
    other = {"code": "STALE-SOURCE", "severity": "warn", "evidence": {"said": "PROV-LINK"}}
    held = {path: json.dumps([other] if path == "a.md" else []) for path in pages}

    def refresh(present: list[str]) -> dict[str, str]:
        found = find(ledger(present), rows(pages))
        table = pa.table({"doc_id": present, "verdicts": [held[path] for path in present]})
        return restated_verdicts(table, {doc_id: [one] for doc_id, one in found.items()}, codes)

    first = refresh(list(pages))
    assert set(first) == {"c.md"}
    held |= first
    assert refresh(list(pages)) == {}
    without = refresh(["a.md", "c.md", "d.md"])
    assert set(without) == {"a.md", "d.md"}
    assert [one["code"] for one in json.loads(without["a.md"])] == ["STALE-SOURCE", "PROV-LINK"]
    held |= without
    back = refresh(list(pages))
    assert {path: json.loads(told) for path, told in back.items()} == {"a.md": [other], "d.md": []}


def test_an_empty_corpus_has_no_findings() -> None:
    assert find(ledger([]), rows({})) == {}
    assert find(ledger(["a.md"]), rows({"a.md": "text"})) == {}
    assert forgotten_rows(ledger([]), rows({})) == []


def test_rows_survive_the_store(tmp_path: Path) -> None:
    from freshet.tasks.store.commits import merge_rows
    from freshet.tasks.store.tables import Store

    table = Store(str(tmp_path)).corpus("handbook").open("links", schemas.links())
    pages: dict[str, str | None] = {
        "a.md": "[x](gone.md) <https://x.example/>",
        "b.md": None,
        "c.md": "# C\n\n[y](#no)",
    }
    merge_rows(table, "doc_id", rows(pages).to_arrow())
    merge_rows(table, "doc_id", rows({"a.md": "[x](gone2.md)"}).to_arrow())
    found = find(ledger(list(pages)), table)
    assert {d: v.evidence["targets"][0]["target"] for d, v in found.items()} == {"a.md": "gone2.md", "c.md": "#no"}


def test_the_handbook_has_its_unfinished_links_and_no_others(handbook: Handbook, tmp_path: Path) -> None:
    handbook.lay("before", tmp_path)
    pages: dict[str, str | None] = {}
    for file in sorted(tmp_path.rglob("*.md")):
        pages[str(file.relative_to(tmp_path))] = file.read_text("utf-8")
    made = []
    for path, text in pages.items():
        try:
            document = parsed(text or "")
        except Refused:  # eight pages of the public one hold front matter alone
            document = None
        made.append(link_row(path, "handbook", path, document))
    table = stored(made)
    found = find(ledger(list(pages)), table)
    unfinished: dict[str, dict[str, int]] = {"bundled": {}, "public": {"#TODO": 5}}
    assert sum(v.evidence["links"] for v in found.values()) == sum(unfinished[handbook.name].values())
    assert {t["target"] for v in found.values() for t in v.evidence["targets"]} == set(unfinished[handbook.name])
