"""Croissant metadata of exports: mlcroissant accepts it and reads the very rows through it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from freshet.tasks.datasets.card.croissant import MOST_SOURCES, croissant, croissant_bytes
from freshet.tasks.datasets.export.files import columns_of
from freshet.tasks.datasets.origins.licences import licence_address
from tests.unit.small_export import FORMATS, TOPICS, facts_of, rows_of, write_export

mlcroissant = pytest.importorskip("mlcroissant", reason="needs the dev extra: pip install -e .[dev]")


def _open(folder: Path, metadata: dict[str, Any]) -> Any:
    (folder / "croissant.json").write_bytes(croissant_bytes(metadata))
    return mlcroissant.Dataset(jsonld=folder / "croissant.json")


def _plain(value: Any) -> Any:
    """A record with texts for bytes, and the last part of each id for a name."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {name.rsplit("/", 1)[-1]: _plain(one) for name, one in value.items()}
    return value


def _fault(opened: Any, record_set: str) -> str:
    """What reading a record set fails with, with its causes; empty where it does not."""
    said: list[str] = []
    try:
        list(opened.records(record_set))
    except Exception as error:
        one: BaseException | None = error
        while one is not None:
            said.append(str(one))
            one = one.__cause__ or one.__context__
    return " | ".join(said)


@pytest.fixture
def records(tmp_path: Path) -> Callable[[str, str], list[dict[str, Any]]]:
    def read(format: str, record_set: str) -> list[dict[str, Any]]:
        files = write_export(tmp_path, format)
        opened = _open(tmp_path, croissant(facts_of(format), files))
        return [_plain(one) for one in opened.records(record_set)]

    return read


@pytest.mark.parametrize("format", FORMATS)
def test_mlcroissant_accepts_the_metadata_and_reads_as_many_records_as_each_file_has_rows(
    format: str, tmp_path: Path
) -> None:
    files = write_export(tmp_path, format)
    opened = _open(tmp_path, croissant(facts_of(format), files, published="2026-11-22"))
    assert opened.metadata.ctx.issues.report() == ""
    found = {one.id: len(list(opened.records(one.id))) for one in opened.metadata.record_sets}
    wanted = {f"{one.kind}-{one.split}" if one.split else one.kind: one.rows for one in files}
    assert found == {"splits": 2, **wanted}


@pytest.mark.parametrize("format", ["language_modeling", "prompt_completion", "preference", "unpaired_preference"])
@pytest.mark.parametrize("kind", ["trl", "parquet"])
def test_records_are_the_rows_with_their_split(
    format: str, kind: str, records: Callable[[str, str], list[dict[str, Any]]]
) -> None:
    assert records(format, f"{kind}-train") == [{**row, "split": "train"} for row in rows_of(format)[1:]]


@pytest.mark.parametrize("kind", ["trl", "openai", "parquet"])
def test_records_of_conversations_are_their_turns(
    kind: str, records: Callable[[str, str], list[dict[str, Any]]]
) -> None:
    found = records("conversational", f"{kind}-train")
    turns = [[(turn["role"], turn["content"] or "") for turn in one["messages"]] for one in found]
    assert turns == [[(t["role"], t["content"]) for t in row["messages"]] for row in rows_of("conversational")[1:]]


@pytest.mark.parametrize("kind", ["trl", "openai"])
def test_functions_that_only_later_rows_offer_are_described(
    kind: str, records: Callable[[str, str], list[dict[str, Any]]]
) -> None:
    found = records("conversational", f"{kind}-train")
    assert [one["function.name"] for one in found[-1]["tools"]] == ["count_days"]


def test_records_of_openai_pairs_reach_into_their_input(
    records: Callable[[str, str], list[dict[str, Any]]],
) -> None:
    found = records("preference", "openai-train")
    wanted = rows_of("preference")[1:]
    assert [one["input.messages"] for one in found] == [[{"role": "user", "content": r["prompt"]}] for r in wanted]
    assert [one["non_preferred_output"] for one in found] == [
        [{"role": "assistant", "content": r["rejected"]}] for r in wanted
    ]


def test_a_wrong_hash_is_found_by_reading(tmp_path: Path) -> None:
    files = write_export(tmp_path, "prompt_completion")
    metadata = croissant(facts_of("prompt_completion"), [replace(files[0], sha256="0" * 64), *files[1:]])
    opened = _open(tmp_path, metadata)
    assert "is not identical with the reference" in _fault(opened, "trl-train")


def test_an_altered_file_is_found_by_reading(tmp_path: Path) -> None:
    files = write_export(tmp_path, "prompt_completion")
    opened = _open(tmp_path, croissant(facts_of("prompt_completion"), files))
    altered = tmp_path / "parquet" / "train.parquet"
    altered.write_bytes(altered.read_bytes() + b" ")
    assert "is not identical with the reference" in _fault(opened, "parquet-train")


@pytest.mark.parametrize("record_set", ["trl-train", "parquet-train"])
def test_a_wrong_column_is_found_by_reading(record_set: str, tmp_path: Path) -> None:
    metadata = croissant(facts_of("prompt_completion"), write_export(tmp_path, "prompt_completion"))
    named = {one["@id"]: one for one in metadata["recordSet"]}
    named[record_set]["field"][0]["source"]["extract"]["column"] = "promt"
    opened = _open(tmp_path, metadata)
    assert 'Column "promt" does not exist' in _fault(opened, record_set)


def test_every_required_property_is_there_and_nothing_names_a_machine(tmp_path: Path) -> None:
    metadata = croissant(facts_of("conversational"), write_export(tmp_path, "conversational"), published="2026-11-22")
    required = {"@context", "@type", "conformsTo", "name", "description", "license", "url", "creator", "datePublished"}
    assert required <= set(metadata)
    assert (metadata["@type"], metadata["conformsTo"]) == ("sc:Dataset", "http://mlcommons.org/croissant/1.1")
    assert all({"contentUrl", "sha256"} <= set(one) and "md5" not in one for one in metadata["distribution"])
    assert str(tmp_path) not in croissant_bytes(metadata).decode()


def test_the_same_version_has_the_same_bytes_whatever_the_time(tmp_path: Path) -> None:
    files = write_export(tmp_path, "conversational")
    facts = facts_of("conversational")
    later = replace(facts, as_of=facts.as_of.replace(year=2031))
    assert croissant_bytes(croissant(facts, files)) == croissant_bytes(croissant(later, files))


def test_a_known_licence_has_an_address_and_another_is_named() -> None:
    assert croissant(facts_of("preference"), [])["license"] == [
        "https://spdx.org/licenses/CC0-1.0.html",
        {"@type": "sc:CreativeWork", "name": "Our own terms"},
    ]


def test_sources_are_named_with_their_version_licence_owner_and_uses() -> None:
    first = croissant(facts_of("preference"), [])["prov:wasDerivedFrom"][0]
    assert first == {
        "@type": "prov:Entity",
        "prov:label": "desk",
        "url": "rows/a.jsonl",
        "version": "a" * 64,
        "license": "https://spdx.org/licenses/CC0-1.0.html",
        "prov:wasAttributedTo": {"@type": "prov:Agent", "prov:label": "people"},
        "usageInfo": "Permitted: training.",
        "description": f"{len(TOPICS) - 3} rows of this version come from it.",
    }


def test_of_very_many_files_the_inputs_are_named() -> None:
    facts = facts_of("preference")
    many = [{**facts.sources[0], "uri": f"rows/{n}.jsonl", "rows_kept": 2} for n in range(MOST_SOURCES + 1)]
    (only,) = croissant(replace(facts, sources=many), [])["prov:wasDerivedFrom"]
    assert only["prov:label"] == "desk"
    assert "url" not in only
    assert only["description"] == (f"{2 * (MOST_SOURCES + 1)} rows of this version come from it.")


def test_a_split_without_rows_is_distributed_and_has_no_records(tmp_path: Path) -> None:
    files = write_export(tmp_path, "preference")
    (tmp_path / "trl" / "validation.jsonl").write_bytes(b"")
    empty = replace(files[0], path="trl/validation.jsonl", split="validation", rows=0, columns=())
    metadata = croissant(facts_of("preference"), [*files, empty])
    assert "trl/validation.jsonl" in {one["@id"] for one in metadata["distribution"]}
    assert "trl-validation" not in {one["@id"] for one in metadata["recordSet"]}


def test_a_text_that_spells_a_column_is_none(tmp_path: Path) -> None:
    file = tmp_path / "train.jsonl"
    rows = [{"messages": [{"role": "user", "content": 'say "tools": and "tools" now'}]}] * 2
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    assert [one.name for one in columns_of(file)] == ["messages"]


@pytest.mark.parametrize(
    ("stated", "address"),
    [
        ("mit", "https://spdx.org/licenses/MIT.html"),
        ("CC-BY-4.0", "https://spdx.org/licenses/CC-BY-4.0.html"),
        ("https://example.org/terms", "https://example.org/terms"),
        ("MIT OR Apache-2.0", None),
        ("LicenseRef-Ours", None),
        ("proprietary", None),
        ("", None),
    ],
)
def test_only_what_the_spdx_list_has_is_sent_to_it(stated: str, address: str | None) -> None:
    assert licence_address(stated) == address
