"""The models: what a setting may be, whoever writes it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from freshet.tasks.settings.access import AccessExpression, Acl
from freshet.tasks.settings.datasets import Dataset
from freshet.tasks.settings.project import Chunking, Corpus, FolderSource, Freshness, GitSource, Settings
from freshet.tasks.settings.types import Duration, Globs, PositiveGlob, Principal, Size, duration_text

DURATIONS = TypeAdapter(Duration)
SIZES = TypeAdapter(Size)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("5m", 300),
        ("12h", 43_200),
        ("1.5h", 5400),
        ("180d", 15_552_000),
        ("2w", 1_209_600),
        ("1y", 31_536_000),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert DURATIONS.validate_python(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "value", [180, 1.5, True, None, "180", "d", "-1d", "1 d", "1M", "0d", "999999999y", "١d", "P1D"]
)
def test_anything_else_is_no_duration(value: object) -> None:
    with pytest.raises(ValidationError):
        DURATIONS.validate_python(value)


@given(st.timedeltas(min_value=timedelta(microseconds=1), max_value=timedelta(days=9999)))
def test_a_duration_survives_being_written_and_read(span: timedelta) -> None:
    assert DURATIONS.validate_python(duration_text(span)) == span


@pytest.mark.parametrize(
    ("value", "size"),
    [
        (5, 5),
        ("5", 5),
        ("5B", 5),
        ("100MB", 10**8),
        ("1.5 GiB", 3 * 2**29),
        ("2gb", 2 * 10**9),
        ("1KiB", 1024),
        ("1TB", 10**12),
    ],
)
def test_a_size_is_bytes_or_a_number_and_a_unit(value: object, size: int) -> None:
    assert SIZES.validate_python(value) == size


@pytest.mark.parametrize(
    "value", [0, -1, True, 1.5, None, "lots", "100M", "1e9", "0MB", "0.1B", 2**63, "9" * 15 + "TB"]
)
def test_anything_else_is_no_size(value: object) -> None:
    with pytest.raises(ValidationError):
        SIZES.validate_python(value)


@pytest.mark.parametrize(
    "name", ["everyone", "user:ada", "group:legal", "user:x'OR'1'='1", "user:a:b", "user:Ünal", "group:*"]
)
def test_principals_take_strange_names(name: str) -> None:
    assert TypeAdapter(Principal).validate_python(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "ada",
        "user:",
        "user: ada",
        "user:ada ",
        "Everyone",
        "everyone ",
        "role:x",
        "user:a everyone",
        "user:a\n",
        "user:\u200b",
        "user:a\x00",
    ],
)
def test_principals_are_of_a_known_kind_and_visible(name: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Principal).validate_python(name)


@pytest.mark.parametrize("glob", ["", " ", "[", "[a", "#x", "!legal/**", "/", "a\\"])
def test_a_glob_that_can_match_nothing_is_refused(glob: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(PositiveGlob).validate_python(glob)


def test_an_exception_needs_something_to_except_from() -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Globs).validate_python(["!keep.md"])
    assert TypeAdapter(Globs).validate_python(["*.md", "!keep.md"]) == ["*.md", "!keep.md"]


@pytest.mark.parametrize(
    ("most", "overlap", "fits"), [(100, 49, True), (100, 50, False), (16, 8, False), (17, 8, True)]
)
def test_overlap_stays_below_half_of_a_passage(most: int, overlap: int, fits: bool) -> None:
    if fits:
        assert Chunking(max_tokens=most, overlap_tokens=overlap).overlap_tokens == overlap
    else:
        with pytest.raises(ValidationError, match="not less than half"):
            Chunking(max_tokens=most, overlap_tokens=overlap)


def test_blocking_comes_after_warning() -> None:
    with pytest.raises(ValidationError, match="nobody would be warned"):
        Freshness.model_validate({"warn_after": "2d", "block_after": "48h"})
    assert Freshness.model_validate({"block_after": "1d"}).warn_after is None


def test_access_has_no_default_and_training_must_be_said() -> None:
    with pytest.raises(ValidationError, match="acl"):
        FolderSource.model_validate({"folder": "x", "owner": "o"})
    assert FolderSource(folder="x", owner="o", acl=["everyone"]).uses == ["retrieval"]


@pytest.mark.parametrize(
    "acl",
    [
        None,
        "everyone",
        [],
        {},
        5,
        ["ada"],
        {"all": []},
        {"all": [[]]},
        {"all": ["user:a"]},
        {"all": [["user:a"]], "none": None},
        {"all": [["user:a\n"]]},
        {"all": [["user:a"]], "any": [["user:b"]]},
    ],
)
def test_anything_but_a_list_or_lists_with_exceptions_says_not_who_may_read(acl: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Acl).validate_python(acl)


def test_names_in_an_expression_are_kept_in_nfc() -> None:
    read = TypeAdapter(Acl).validate_python({"all": [["user:Zoe\u0301"]], "none": ["group:e\u0301"]})
    assert read == AccessExpression(all=[["user:Zo\u00e9"]], none=["group:\u00e9"])


def test_who_may_see_rows_and_use_a_model_is_everyone_unless_it_is_said() -> None:
    rows = {"rows": "x", "owner": "o", "licence": "MIT", "uses": ["training"]}
    dataset = Dataset.model_validate({"format": "prompt_completion", "inputs": [rows]})
    assert dataset.audience == dataset.inputs[0].acl == ["everyone"]


def test_the_key_says_which_kind_a_source_is() -> None:
    common = {"owner": "o", "acl": ["everyone"]}
    corpus = Corpus.model_validate({"sources": [{"folder": "f", **common}, {"git": "g", **common}]})
    assert [type(source) for source in corpus.sources] == [FolderSource, GitSource]
    assert [source.address for source in corpus.sources] == ["f", "g"]
    for data in ({"folder": "f", "git": "g", **common}, common):
        with pytest.raises(ValidationError):
            Corpus.model_validate({"sources": [data]})


def test_settings_survive_json() -> None:
    source = {"folder": "f", "owner": "o", "acl": ["everyone"], "freshness": {"warn_after": "180d"}}
    source["access"] = [{"path": "a", "acl": {"all": [["user:a"], ["group:b"]], "none": ["user:c"]}}]
    settings = Settings.model_validate({"corpora": {"c": {"sources": [source]}}, "roster": {"file": "groups.yaml"}})
    assert Settings.model_validate_json(settings.model_dump_json()) == settings
