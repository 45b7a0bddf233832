"""What the models cannot see of a dataset: relations between its keys, and files on this machine's disk."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from freshet.expectations.rules import RULES
from freshet.tasks.settings.datasets import Checks, Columns, Dataset, RowsInput, RuleTuning, Split
from freshet.tasks.settings.places import Place
from freshet.tasks.settings.tuning import tuning_faults

if TYPE_CHECKING:
    from pydantic import BaseModel

Fault = tuple[Place, str, str]
"""A place, what is wrong there, and how to mend it."""

OPENAI_FORMATS = ("conversational", "prompt_completion", "preference")
"""The formats that OpenAI's files can say."""

NEEDED: dict[str, tuple[str, ...]] = {
    "language_modeling": ("text",),
    "prompt_completion": ("prompt", "completion"),
    "preference": ("chosen", "rejected"),
    "unpaired_preference": ("prompt", "completion", "label"),
}
"""The columns that a format cannot do without; a conversation may come as messages, or as prompt and completion."""


def dataset_faults(place: Place, data: Any, corpora: Collection[str]) -> Iterator[Fault]:
    """What is wrong with a dataset as written, of the parts that the models accept, whatever is on the disk.

    Args:
        corpora: names of the corpora of the same file.
    """
    if not isinstance(data, dict):
        return
    inputs = [(at, one) for at, one in _inputs(place, data) if one is not None]
    yield from _inputs_faults(inputs, data.get("format"), corpora)
    split, checks = _part(Split, data.get("split", {})), _part(Checks, data.get("checks", {}))
    if split is not None:
        yield from _split_faults((*place, "split"), split, inputs, checks)
    if checks is not None and checks.labels is not None and data.get("format") != "prompt_completion":
        yield (
            (*place, "checks", "labels"),
            f"rows of format {data.get('format')} have no class to look at",
            "write format: prompt_completion, or remove the line",
        )
    exports = data.get("export")
    if isinstance(exports, list) and "openai" in exports and data.get("format") in _others(OPENAI_FORMATS):
        yield (
            (*place, "export"),
            f"OpenAI's files cannot say rows of format {data['format']}",
            f"leave openai out, or write one of {', '.join(OPENAI_FORMATS)}",
        )
    for code, tuning in (data["rules"] if isinstance(data.get("rules"), dict) else {}).items():
        if code in RULES and (tuned := _part(RuleTuning, tuning)) is not None:
            for key, what, mend in tuning_faults(RULES[code], tuned.severity, tuned.threshold):
                yield ((*place, "rules", code, key) if key else (*place, "rules", code)), what, mend


def dataset_absent(place: Place, data: Any, local: Callable[[str], str | None]) -> Iterator[Fault]:
    """Files that the settings name and that are not there now.

    Args:
        local: the absolute path of an address on this machine's disk, None for one elsewhere.
    """
    if not isinstance(data, dict):
        return
    for at, one in _inputs(place, data):
        if one is not None and _is_missing(local(one.rows)):
            yield (*at, "rows"), f"no file matches {one.rows}", "relative paths start at the settings file"
    checks = _part(Checks, data.get("checks", {}))
    for position, address in enumerate(checks.decontaminate if checks else ()):
        if _is_missing(local(address)):
            at = (*place, "checks", "decontaminate", position)
            yield at, f"no file matches {address}", "relative paths start at the settings file"
    if checks and checks.tokens.tokenizer != "bundled":
        path = local(checks.tokens.tokenizer)
        if path is not None and not os.path.isfile(Path(path) / "tokenizer.json"):
            at = (*place, "checks", "tokens", "tokenizer")
            yield at, "there is no tokenizer.json in this folder", "write bundled, or the folder of a fast tokenizer"


def _inputs(place: Place, data: dict[str, Any]) -> Iterator[tuple[Place, RowsInput | None]]:
    inputs = data.get("inputs")
    for position, one in enumerate(inputs if isinstance(inputs, list) else ()):
        yield (*place, "inputs", position), _part(RowsInput, one)


def _inputs_faults(inputs: list[tuple[Place, RowsInput]], format_: Any, corpora: Collection[str]) -> Iterator[Fault]:
    names: set[str] = set()
    for at, one in inputs:
        if one.called in names:
            yield (
                (*at, "name" if one.name else "rows"),
                f"two inputs are called {one.called}",
                "give each a name: name: …",
            )
        names.add(one.called)
        if one.corpus is not None and one.corpus not in corpora:
            known = ", ".join(sorted(corpora)) or "none"
            yield (*at, "corpus"), f"there is no corpus {one.corpus!r}; there is: {known}", "write one of these"
        given = {name for name in Columns.model_fields if getattr(one.columns, name) is not None}
        contents = given - {"document", "start", "passage", "system", "tools"}
        if one.shape == "columns" or (one.shape is None and contents):
            yield from _columns_faults((*at, "columns"), given, format_)
        elif one.shape is not None and contents:
            yield (*at, "columns"), "columns are read for shape columns only", "write shape: columns"
        if "training" not in one.uses and not any("training" in rule.uses for rule in one.permissions):
            yield (
                (*at, "uses"),
                "training is not permitted, so that every row would be rejected",
                "add training, or remove the input",
            )


def _columns_faults(at: Place, given: set[str], format_: Any) -> Iterator[Fault]:
    needed = NEEDED.get(format_, ())
    if format_ == "conversational" and "messages" not in given:
        needed = ("prompt", "completion")
    missing = [name for name in needed if name not in given]
    if missing:
        said = "messages, or prompt and completion" if format_ == "conversational" else ", ".join(needed)
        yield at, f"rows of format {format_} need {', '.join(missing)}", f"say which column gives each of: {said}"


def _split_faults(
    at: Place, split: Split, inputs: list[tuple[Place, RowsInput]], checks: Checks | None
) -> Iterator[Fault]:
    if split.group_by not in ("document", "content") and not split.group_by.removeprefix("column:").strip():
        yield (*at, "group_by"), "column: names no column", "write column:NAME"
    elif split.group_by not in ("document", "content") and not split.group_by.startswith("column:"):
        yield (*at, "group_by"), f"nothing is grouped by {split.group_by!r}", "write document, content or column:NAME"
    if split.stratify and (checks is None or checks.labels is None):
        yield (
            (*at, "stratify"),
            "only rows whose completion is a class can be split class by class",
            "add checks.labels",
        )


def _is_missing(path: str | None) -> bool:
    from glob import glob

    return path is not None and not os.path.exists(path) and not glob(path, recursive=True)


def _part(model: type[BaseModel], data: Any) -> Any:
    try:
        return TypeAdapter(model).validate_python(data)
    except ValidationError:
        return None


def _others(formats: Collection[str]) -> set[str]:
    from typing import get_args

    known = get_args(Dataset.model_fields["format"].annotation)
    return set(known) - set(formats)
