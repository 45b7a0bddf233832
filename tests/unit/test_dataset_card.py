"""The card of a version: complete, honest, safe to show, the same every time, and readable by `datasets`."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from markdown_it import MarkdownIt

from freshet.expectations.rules import RULES
from freshet.tasks.datasets.card.describe import inputs_by_split, write_description
from freshet.tasks.datasets.card.measured import Measured
from freshet.tasks.datasets.card.plots import lengths_plot, rows_plot, shares_plot
from freshet.tasks.datasets.card.readme import MOST_SOURCES, card
from freshet.tasks.datasets.checks.counts import LENGTH_EDGES, RowCounts
from freshet.tasks.datasets.export.manifest import check_manifest, write_manifest
from freshet.tasks.ledger.versions import VersionFacts
from tests.unit.small_export import FORMATS, facts_of, rows_of, write_export

EVIL = (
    "x](https://evil.example) <script>alert(1)</script> | a `b` *c* _d_ ~~e~~\n# f \u202eg\u200b &lt; https://h.example"
)
NOTHING = Measured()


def _text(facts: VersionFacts, measured: Measured = NOTHING) -> str:
    return card(replace(facts, measured=measured.as_dict()), [], {})["README.md"].decode()


def _section(text: str, title: str) -> str:
    return text.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def test_the_card_has_every_section() -> None:
    titles = re.findall(r"(?m)^## (.+)$", _text(facts_of("preference")))
    assert titles == [
        "Where it comes from", "How it was checked", "What was left out, and why", "Splits", "Licences and audience",
        "Lineage", "Changes", "Limits", "How long it is kept", "How to use it",
    ]  # fmt: skip


def test_every_input_is_named_with_its_version_licence_owner_and_uses() -> None:
    origin = _section(_text(facts_of("preference")), "Where it comes from")
    assert "| desk | rows/a.jsonl | `aaaaaaaaaaaa` | CC0-1.0 | people | training |" in origin
    assert "| desk | rows/b.jsonl | `bbbbbbbbbbbb` | Our own terms | facilities | retrieval, training |" in origin


@pytest.mark.parametrize(
    ("audience", "whom"),
    [
        (["user:x", "group:a"], "user:x, group:a"),
        ({"all": [["everyone"]], "none": ["user:x"]}, "everyone, but not user:x"),
        ({"all": [["group:a"], ["group:b", "group:c"]]}, "one of group:a and one of group:b, group:c"),
    ],
)
def test_the_card_says_whom_the_model_is_meant_for(audience: Any, whom: str) -> None:
    facts = facts_of("preference")
    text = _text(replace(facts, settings={**facts.settings, "audience": audience}))
    assert f"The model is meant for: {whom}. " in _section(text, "Licences and audience").replace("\\", "")


def test_of_very_many_files_the_inputs_are_listed_with_their_sums() -> None:
    facts = facts_of("preference")
    many = [{**facts.sources[0], "uri": f"rows/{n}.jsonl", "rows_kept": 2} for n in range(MOST_SOURCES + 1)]
    origin = _section(_text(replace(facts, sources=many)), "Where it comes from")
    assert f"| desk | {MOST_SOURCES + 1} files | see lineage |" in origin
    assert f" {2 * (MOST_SOURCES + 1)} |" in origin


@pytest.mark.parametrize("code", ["COPY-EXACT", "ROW-EMPTY", "LEAK-BENCHMARK"])
def test_what_was_left_out_is_counted_with_its_reason_and_what_can_be_done(code: str) -> None:
    facts = facts_of("preference")
    line = next(one for one in _section(_text(facts), "What was left out, and why").splitlines() if f"`{code}`" in one)
    assert line == f"| `{code}` | {facts.rows['by_code'][code]} | {RULES[code].why} | {RULES[code].mend} |"


def test_rules_are_shown_as_the_dataset_tuned_them() -> None:
    facts = facts_of("preference")
    facts.settings["rules"]["ANSWER-UNSUPPORTED"] = {"threshold": 0.75}  # type: ignore[index]
    checked = _section(_text(facts, Measured(marked={"ANSWER-MERGED": 4})), "How it was checked")
    assert f"| `ANSWER-REFUSAL` | block |  | {RULES['ANSWER-REFUSAL'].why} |" in checked
    assert "| `ANSWER-UNSUPPORTED` | warn | 0.75 |" in checked
    assert f"| `ANSWER-MERGED` | warn |  | {RULES['ANSWER-MERGED'].why} | 0 | 4 |" in checked
    assert "| `COPY-PROMPT` |" not in checked
    assert "Switched off for this dataset: `COPY-PROMPT`." in checked


@pytest.mark.parametrize(("format", "shown"), [("preference", True), ("conversational", False)])
def test_rules_that_the_rows_cannot_break_are_not_claimed_as_checks(format: str, shown: bool) -> None:
    assert ("`PAIR-ALIKE`" in _text(facts_of(format))) is shown


def test_without_a_benchmark_the_card_says_so_twice_and_claims_no_check() -> None:
    facts = facts_of("preference", rows={"read": 9, "kept": 9, "rejected": 0, "by_code": {}})
    facts.settings["checks"]["decontaminate"] = []  # type: ignore[index]
    text = _text(facts)
    assert "`LEAK-BENCHMARK`" not in text
    assert "no benchmark, since none was declared" in _section(text, "Limits")
    assert "none was declared" in _section(text, "How it was checked")


def test_what_could_not_be_judged_is_said_with_its_count() -> None:
    limits = _section(
        _text(facts_of("preference"), Measured(unchecked={"rows had no steps": 41, "were short": 0})), "Limits"
    )
    assert "- 41 rows had no steps." in limits
    assert "were short" not in limits


def test_changes_name_the_version_before_and_the_first_one_has_none() -> None:
    assert "| against 1.0.0 | rows |" in _text(facts_of("preference"))
    assert "This is the first version." in _text(facts_of("preference", previous=None))


def test_names_of_others_are_shown_and_never_obeyed() -> None:
    facts = facts_of("preference")
    source = {**facts.sources[0], "input": EVIL, "owner": EVIL, "licence": EVIL, "uri": EVIL}
    settings = {**facts.settings, "description": f"# Big\n\n{EVIL}", "checks": {"decontaminate": [EVIL]}}
    text = _text(replace(facts, sources=[source], settings=settings, licences={EVIL: 3}, classes={EVIL: {"train": 3}}))
    html = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(text.split("---\n", 2)[2])
    assert "<script" not in html
    assert "evil.example</a>" not in html
    assert "href=" not in html
    assert "<em>c" not in html
    assert "<s>" not in html
    assert "https://" not in text  # which many readers make a link of, unasked
    assert html.count("<h1>") == 1
    assert "\u202e" not in text
    assert "\u200b" not in text
    assert {line.count("|") - line.count(r"\|") for line in text.splitlines() if line.startswith("| x")} == {9, 3}


@pytest.mark.parametrize("format", FORMATS)
def test_the_card_quotes_no_row(format: str, tmp_path: Path) -> None:
    files = write_export(tmp_path, format)
    written = b"".join(card(facts_of(format), files, {}).values()).decode()
    assert "Whom do I ask" not in written
    assert "Desk 1" not in written


def test_the_same_version_has_the_same_card_whatever_the_time_and_the_gate() -> None:
    facts = facts_of("preference", classes={"a": {"train": 3}, "b": {"train": 1, "test": 1}})
    later = replace(
        facts,
        as_of=facts.as_of.replace(year=2031),
        settings={**facts.settings, "gate": {"min_rows": 7}},
        classes=dict(reversed(facts.classes.items())),
        licences=dict(reversed(facts.licences.items())),
    )
    assert card(facts, [], {}) == card(later, [], {})


def _front(text: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(text.split("---\n")[1])
    return found


def test_the_front_matter_names_licences_as_hubs_do_and_the_size() -> None:
    front = _front(_text(facts_of("preference")))
    assert (front["license"], front["size_categories"]) == (["cc0-1.0", "other"], ["n<1K"])


@pytest.mark.parametrize("format", FORMATS)
def test_datasets_loads_the_folder_as_it_is(format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets", reason="needs the trainers extra: pip install -e .[trainers]")
    folder = tmp_path / "version"
    write_export(folder, format)
    write_description(folder, facts_of(format))
    loaded = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    assert {name: rows.num_rows for name, rows in loaded.items()} == {"train": len(rows_of(format)) - 1, "test": 1}
    columns = {name for row in rows_of(format) for name in row}
    found = [{name: value for name, value in row.items() if value is not None} for row in loaded["train"]]
    assert set(loaded["train"].column_names) == columns
    assert found == rows_of(format)[1:]


def test_plots_are_shown_where_there_is_something_to_show(tmp_path: Path) -> None:
    bare = card(facts_of("preference"), [], {"train": {"desk": 3}})
    full = card(
        facts_of("preference", classes={"a": {"train": 3}}, measured=Measured(lengths=[(10, 3)]).as_dict()),
        [],
        {"train": {"desk": 2, "shop": 1}},
    )
    assert set(bare) == {"README.md", "card/rows.svg"}
    assert set(full) == {"README.md", "card/rows.svg", "card/classes.svg", "card/inputs.svg", "card/lengths.svg"}
    assert all(path == "README.md" or path in full["README.md"].decode() for path in full)


@pytest.mark.parametrize(
    "drawn",
    [
        rows_plot(0, {}),
        rows_plot(90, {"COPY-EXACT": 2, "ROW-EMPTY": 1}),
        shares_plot("Classes by split", {"train": {EVIL: 3, "b": 1}, "test": {}}),
        shares_plot("Many", {"train": {f"name {n}": n + 1 for n in range(99)}}),
        lengths_plot([(0, 0), (16, 5), (32, 7), (64, 0)], 40),
        lengths_plot([(0, 9), (16, 5), (32, 7)], 33),
        lengths_plot([(0, 1), (16, 0)], 512),
    ],
)
def test_a_plot_is_a_drawing_without_scripts_or_other_files_and_stays_within_its_frame(drawn: str) -> None:
    root = ET.fromstring(drawn)
    names = {one.tag.rpartition("}")[2] for one in root.iter()}
    assert names <= {"svg", "title", "style", "rect", "text", "line"}
    left, top, width, height = map(float, root.attrib["viewBox"].split())
    assert (width, height) == (float(root.attrib["width"]), float(root.attrib["height"]))
    for one in root.iter("{http://www.w3.org/2000/svg}rect"):
        assert left <= float(one.attrib["x"]) <= float(one.attrib["x"]) + float(one.attrib["width"]) <= left + width
        assert top <= float(one.attrib["y"]) <= float(one.attrib["y"]) + float(one.attrib["height"]) <= top + height
        assert float(one.attrib["height"]) >= 0
    assert "http" not in drawn.replace("http://www.w3.org/2000/svg", "").replace("https://evil", "").replace(
        "https://h.", ""
    )


def test_of_many_names_the_largest_have_a_colour_and_the_rest_are_one_part() -> None:
    drawn = shares_plot("Many", {"train": {f"name {n}": n + 1 for n in range(99)}})
    assert "name 98 99<" in drawn
    assert "name 91 92<" not in drawn
    assert "92 others 4\u202f278<" in drawn


def test_lengths_are_drawn_from_the_first_to_the_last_bin_that_has_rows() -> None:
    drawn = lengths_plot([(0, 0), (16, 5), (32, 0), (64, 7), (128, 0)], 80)
    assert re.findall(r">(\d+[–+]\d*)<", drawn) == ["16–31", "32–63", "64–127"]
    assert ">max_tokens 80<" in drawn


def test_a_limit_that_no_row_reaches_is_not_drawn() -> None:
    assert "max_tokens" not in lengths_plot([(0, 4), (16, 5), (32, 0)], 512)


def test_what_the_checks_counted_is_what_the_card_says() -> None:
    lengths = (0, 3, 4) + (0,) * (len(LENGTH_EDGES) - 3)
    counted = RowCounts(rows=7, annotated=2, unreadable_annotations=1, lengths=lengths)
    measured = Measured.of(counted, marked={"ANSWER-MERGED": 2}, too_short_to_compare=3)
    limits = _section(_text(facts_of("preference"), measured), "Limits")
    assert "- 3 rows are too short to be judged against benchmarks." in limits
    assert "- 1 annotated steps" in limits
    assert "- 5 rows annotate no step" in limits
    assert measured.lengths[:3] == [(0, 0), (16, 3), (32, 4)]


def test_a_description_depends_on_the_exported_files_and_the_facts_alone(tmp_path: Path) -> None:
    written = []
    for name in ("a", "b"):
        folder = tmp_path / name
        write_export(folder, "conversational")
        facts = facts_of("conversational", measured=Measured(marked={"ANSWER-MERGED": 2}, lengths=[(16, 3)]).as_dict())
        write_description(folder, VersionFacts.from_json(facts.as_json()))
        write_manifest(folder)
        assert check_manifest(folder) == []
        written.append({one.relative_to(folder): one.read_bytes() for one in folder.rglob("*") if one.is_file()})
    assert written[0] == written[1]
    assert {Path("README.md"), Path("croissant.json"), Path("card/rows.svg")} <= set(written[0])


def test_inputs_are_counted_from_the_lineage_of_the_export(tmp_path: Path) -> None:
    write_export(tmp_path, "conversational")
    assert inputs_by_split(tmp_path / "lineage.parquet") == {"train": {"desk": 11}, "test": {"desk": 1}}
