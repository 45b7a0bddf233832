"""docs/configuration.md says of every key what the models say."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from types import NoneType
from typing import Any, get_args

import jsonschema
import pytest
import yaml
from pydantic import BaseModel, ByteSize

from freshet.expectations.rules import RULES
from freshet.tasks.settings.access import AccessExpression
from freshet.tasks.settings.datasets import (
    Checks,
    Columns,
    Dataset,
    DatasetGate,
    Labels,
    RowsInput,
    RuleTuning,
    Split,
    Tokens,
    UseRule,
)
from freshet.tasks.settings.embedding import Embedding
from freshet.tasks.settings.file import json_schema, load_project
from freshet.tasks.settings.generation import Endpoint, Generation, QueryLog
from freshet.tasks.settings.lineage import Lineage
from freshet.tasks.settings.maintenance import Maintenance
from freshet.tasks.settings.project import (
    AccessRule,
    AnswersGate,
    Chunking,
    Corpus,
    FolderSource,
    Freshness,
    Gate,
    GitSource,
    Parsing,
    Roster,
    Settings,
)
from freshet.tasks.settings.reranking import Reranker
from freshet.tasks.settings.schedules import CorpusSchedule, DatasetSchedule, Deployment, Schedules
from freshet.tasks.settings.service import Limits, Oidc, Service
from freshet.tasks.settings.types import duration_text

PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")
COMMON = set(FolderSource.model_fields) & set(GitSource.model_fields)
SECTIONS: dict[str, tuple[type[BaseModel], set[str]]] = {
    "The whole file": (Settings, set(Settings.model_fields)),
    "embedding": (Embedding, set(Embedding.model_fields)),
    "reranker": (Reranker, set(Reranker.model_fields)),
    "A corpus": (Corpus, set(Corpus.model_fields)),
    "A source": (FolderSource, COMMON),
    "A folder source": (FolderSource, set(FolderSource.model_fields) - COMMON),
    "A git source": (GitSource, set(GitSource.model_fields) - COMMON),
    "An access rule": (AccessRule, set(AccessRule.model_fields)),
    "An access expression": (AccessExpression, set(AccessExpression.model_fields)),
    "freshness": (Freshness, set(Freshness.model_fields)),
    "chunking": (Chunking, set(Chunking.model_fields)),
    "parsing": (Parsing, set(Parsing.model_fields)),
    "gate": (Gate, set(Gate.model_fields)),
    "answers": (AnswersGate, set(AnswersGate.model_fields)),
    "A dataset": (Dataset, set(Dataset.model_fields)),
    "An input of rows": (RowsInput, set(RowsInput.model_fields)),
    "columns": (Columns, set(Columns.model_fields)),
    "A permission": (UseRule, set(UseRule.model_fields)),
    "checks": (Checks, set(Checks.model_fields)),
    "labels": (Labels, set(Labels.model_fields)),
    "tokens": (Tokens, set(Tokens.model_fields)),
    "split": (Split, set(Split.model_fields)),
    "A dataset's gate": (DatasetGate, set(DatasetGate.model_fields)),
    "schedules": (Schedules, set(Schedules.model_fields)),
    "A corpus's schedule": (CorpusSchedule, set(CorpusSchedule.model_fields)),
    "A dataset's schedule": (DatasetSchedule, set(DatasetSchedule.model_fields)),
    "query_log": (QueryLog, set(QueryLog.model_fields)),
    "maintenance": (Maintenance, set(Maintenance.model_fields)),
    "deployment": (Deployment, set(Deployment.model_fields)),
    "roster": (Roster, set(Roster.model_fields)),
    "generation": (Generation, set(Generation.model_fields)),
    "A model behind an address": (Endpoint, set(Endpoint.model_fields)),
    "service": (Service, set(Service.model_fields)),
    "oidc": (Oidc, set(Oidc.model_fields)),
    "limits": (Limits, set(Limits.model_fields)),
    "lineage": (Lineage, set(Lineage.model_fields)),
    "A rule's tuning": (RuleTuning, set(RuleTuning.model_fields)),
}


def _rows(section: str) -> dict[str, list[str]]:
    """The key table of a section: key → its cells."""
    match = re.search(rf"^##+ {re.escape(section)}\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert match, f"no section {section}"
    lines = [line for line in match[1].splitlines() if line.startswith("| `")]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return {row[0].strip(" `"): row for row in rows}


def _example() -> str:
    match = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert match
    return match[1]


def _golden_example() -> str:
    match = re.search(r"^## Golden questions\n.*?```yaml\n(.*?)```", PAGE, re.MULTILINE | re.DOTALL)
    assert match
    return match[1]


def _default_text(model: type[BaseModel], key: str) -> str:
    field = model.model_fields[key]
    default: Any = field.default
    if field.is_required():
        return "required"
    if isinstance(default, BaseModel):
        return "its defaults"
    if default is None:
        return "the address" if key == "name" else "none"
    if isinstance(default, timedelta):
        return f"`{duration_text(default)}`"
    if isinstance(default, ByteSize):
        unit = "GB" if default % 10**9 == 0 else "MB"
        return f"`{int(default) // (10**9 if unit == 'GB' else 10**6)}{unit}`"
    text = yaml.safe_dump(default, default_flow_style=True).strip().removesuffix("...").strip()
    return f"`{text.replace(chr(39), chr(34))}`"


@pytest.mark.parametrize("section", SECTIONS)
def test_every_key_is_documented_and_no_other(section: str) -> None:
    assert set(_rows(section)) == SECTIONS[section][1]


@pytest.mark.parametrize("section", SECTIONS)
def test_documented_defaults_are_the_models(section: str) -> None:
    model, keys = SECTIONS[section]
    rows = _rows(section)
    assert {key: rows[key][2] for key in keys} == {key: _default_text(model, key) for key in keys}


@pytest.mark.parametrize("section", SECTIONS)
def test_documented_types_name_every_choice_and_every_bound(section: str) -> None:
    model, keys = SECTIONS[section]
    schemas = json_schema()["$defs"].get(model.__name__) or json_schema()
    for key in keys:
        row, part = _rows(section)[key], schemas["properties"][key]
        choices = part.get("enum") or part.get("items", {}).get("enum") or []
        bounds = [part[bound] for bound in ("minimum", "maximum") if part.get("type") == "integer"]
        assert [one for one in (*choices, *bounds) if str(one) not in row[1]] == []


def test_every_model_of_the_settings_has_a_section() -> None:
    documented = {model for model, _ in SECTIONS.values()}

    def models(annotation: Any) -> set[type[BaseModel]]:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            return {annotation} | {m for f in annotation.model_fields.values() for m in models(f.annotation)}
        return {m for one in get_args(annotation) if one is not NoneType for m in models(one)}

    assert models(Settings) == documented


def test_the_example_loads_and_shows_every_key(tmp_path: Path) -> None:
    (tmp_path / "examples" / "handbook").mkdir(parents=True)
    (tmp_path / "examples" / "golden").mkdir()
    (tmp_path / "examples" / "golden" / "handbook.yaml").write_text(_golden_example(), encoding="utf-8")
    (tmp_path / "freshet.yaml").write_text(_example(), encoding="utf-8")
    project = load_project(tmp_path / "freshet.yaml")
    sources = project.settings.corpora["handbook"].sources
    assert [type(source) for source in sources] == [FolderSource, GitSource]
    written = set(re.findall(r"([a-z_0-9]+):(?= |$)", _example(), re.MULTILINE))
    assert set().union(*(keys for _, keys in SECTIONS.values())) <= written
    # Keys that the example sets for show have their default.
    corpus = project.settings.corpora["handbook"]
    for code, tuning in corpus.rules.items():
        assert (tuning.severity, tuning.threshold) == (RULES[code].severity, RULES[code].threshold)
    assert (corpus.languages, corpus.regions) == ([], ["US"])
    assert (corpus.chunking, corpus.parsing) == (Chunking(), Parsing())
    assert corpus.gate.model_copy(update={"recall_at_5": None, "answers": AnswersGate()}) == Gate()
    assert project.settings.roster == Roster(file="groups.yaml")
    assert project.settings.embedding == Embedding(context="title")
    assert project.settings.reranker is not None
    assert project.settings.reranker == Reranker(model=project.settings.reranker.model)
    others = {"corpora": {}, "datasets": {}, "roster": None, "reranker": None, "embedding": Embedding()}
    assert project.settings.model_copy(update=others) == Settings()


def test_the_schema_accepts_the_example() -> None:
    jsonschema.Draft202012Validator(json_schema()).validate(yaml.safe_load(_example()))


def test_the_golden_example_shows_and_explains_every_key(tmp_path: Path) -> None:
    from freshet.tasks.settings.golden import _ANSWER_KEYS, _KEYS, load_golden

    file = tmp_path / "golden.yaml"
    file.write_text(_golden_example(), encoding="utf-8")
    assert len(load_golden(file)) == 3
    assert set(_rows("Golden questions")) == set(_KEYS)
    assert all(f"`{key}`" in PAGE for key in _ANSWER_KEYS)


def test_the_example_of_a_roster_is_one_and_shows_every_key(tmp_path: Path) -> None:
    from freshet.tasks.settings.roster import _KEYS, read_roster

    match = re.search(r"^### The file of a roster\n.*?```yaml\n(.*?)```", PAGE, re.MULTILINE | re.DOTALL)
    assert match
    file = tmp_path / "groups.yaml"
    file.write_text(match[1], encoding="utf-8")
    roster, findings = read_roster(file)
    assert findings == []
    assert roster is not None
    assert roster.members == {"group:legal": ("user:ada", "group:partners"), "group:partners": ("user:bob",)}
    assert set(_rows("The file of a roster")) == set(_KEYS)


def test_the_limits_that_the_page_names_are_those_of_the_reader() -> None:
    from freshet.tasks.settings import roster
    from freshet.tasks.settings.access_checks import MOST_FILES
    from freshet.tasks.settings.lines import MAX_BYTES, MAX_VALUES

    assert f"{MAX_BYTES:,} bytes" in PAGE
    assert f"{MAX_VALUES:,} values" in PAGE
    assert f"{roster.MAX_BYTES:,} bytes and {roster.MAX_VALUES:,} members and groups" in PAGE
    assert f"{MOST_FILES:,} files" in PAGE


def test_internal_links_lead_to_headings() -> None:
    headings = {re.sub(r"[^a-z0-9_ -]", "", h.lower()).replace(" ", "-") for h in re.findall(r"^#+ (.*)$", PAGE, re.M)}
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= headings
