"""The dataset card of a version: README.md with its plots, for people, and for libraries that load the folder.

It quotes no row. It says nothing that depends on a clock, on a machine or on the gate, so that a version has one card.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from freshet.tasks.datasets.card.plots import card_plots
from freshet.tasks.datasets.card.sections import checks_part, left_out_part, limits_part
from freshet.tasks.datasets.checks.facts import LENGTH_EDGES
from freshet.tasks.datasets.origins.licences import spdx_identifier
from freshet.tasks.render.markdown import code, plain, table
from freshet.tasks.render.values import number
from freshet.tasks.settings.datasets import Dataset

if TYPE_CHECKING:
    from freshet.tasks.datasets.checks.facts import RowFacts
    from freshet.tasks.datasets.export.files import ExportFile
    from freshet.tasks.ledger.versions import VersionFacts

CARD = "README.md"
PLOTS = "card"
_TRAINERS = {
    "language_modeling": "SFTTrainer",
    "prompt_completion": "SFTTrainer",
    "conversational": "SFTTrainer",
    "preference": "DPOTrainer",
    "unpaired_preference": "KTOTrainer",
}
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"),
          (10_000_000, "1M<n<10M"), (100_000_000, "10M<n<100M"))  # fmt: skip
MOST_SOURCES = 50
"""So many files are listed one by one; of more, each input is."""


@dataclass(frozen=True)
class Measured:
    """What a build measured beside the other facts of its version. Whatever is left empty is left out of the card.

    Attributes:
        marked: kept rows that carry a finding which does not keep them out, by code.
        unchecked: what a check could not judge, in plain words, and how many rows or steps that is true of; also 0.
        lengths: (least tokens, rows) of the bins of a histogram, ascending; the last one is open.
    """

    marked: Mapping[str, int] = field(default_factory=dict)
    unchecked: Mapping[str, int] = field(default_factory=dict)
    lengths: Sequence[Sequence[int]] = ()

    @classmethod
    def of(cls, rows: RowFacts, *, marked: Mapping[str, int], too_short_to_compare: int = 0) -> Measured:
        """Gathers what the checks of a build counted.

        Args:
            rows: of all rows that the checks looked at, also those that a later step keeps out.
            too_short_to_compare: rows that are too short to be judged against benchmarks.
        """
        unchecked = {
            "rows are too short to be judged against benchmarks": too_short_to_compare,
            "annotated steps of arithmetic could not be read, and were not recomputed": (rows.unreadable_annotations),
            "rows annotate no step of arithmetic, so that there was none to recompute": rows.unannotated,
        }
        counted = any(rows.lengths)
        return cls(marked, unchecked, list(zip(LENGTH_EDGES, rows.lengths, strict=True)) if counted else ())

    def as_dict(self) -> dict[str, Any]:
        """Returns the facts as JSON-able values, for `VersionFacts.measured`."""
        return {
            "marked": dict(self.marked),
            "unchecked": dict(self.unchecked),
            "lengths": [list(one) for one in self.lengths],
        }


def card(facts: VersionFacts, files: Sequence[ExportFile], inputs: Mapping[str, Mapping[str, int]]) -> dict[str, bytes]:
    """Renders the card and its plots, by path within the folder of the version.

    Args:
        inputs: by split, kept rows by input.
    """
    settings, measured = Dataset.model_validate(facts.settings), Measured(**facts.measured)
    plots = card_plots(facts, inputs, measured.lengths, settings.checks.tokens.max_tokens)
    parts = [
        _front(facts, files),
        f"# {plain(facts.dataset)} {facts.version}",
        *_what(facts, settings, files),
        "## Where it comes from",
        *_origin(facts),
        "## How it was checked",
        *checks_part(facts, settings, measured.marked),
        "## What was left out, and why",
        *left_out_part(facts),
        *_image(plots, "rows.svg"),
        "## Splits",
        *_splits(facts, settings),
        *_image(plots, "classes.svg"),
        *_image(plots, "inputs.svg"),
        *_image(plots, "lengths.svg"),
        "## Licences and audience",
        *_licences(facts, settings),
        "## Lineage",
        *_lineage(facts),
        "## Changes",
        *_changes(facts),
        "## Limits",
        *limits_part(facts, settings, measured.unchecked),
        "## How long it is kept",
        f"This version is never altered. It is kept for {plain(facts.retain)} from its publication, and rows of an "
        "input that says otherwise for as long as that one says.",
        "## How to use it",
        *_use(facts, files),
    ]
    text = "\n\n".join(part for part in parts if part) + "\n"
    return {CARD: text.encode(), **{f"{PLOTS}/{name}": drawn.encode() for name, (_, drawn) in plots.items()}}


def _front(facts: VersionFacts, files: Sequence[ExportFile]) -> str:
    """Renders what libraries read: the licence, the size, and which files are which split."""
    import yaml

    known = [spdx_identifier(one["licence"]) for one in facts.sources]
    licences = sorted({one.lower() if one else "other" for one in known})
    kept = facts.rows["kept"]
    front: dict[str, Any] = {
        "pretty_name": facts.dataset,
        "version": facts.version,
        "license": licences[0] if len(licences) == 1 else licences,
        "task_categories": ["text-classification" if facts.classes else "text-generation"],
        "size_categories": [next((name for most, name in _SIZES if kept < most), "n>100M")],
        "tags": ["fine-tuning", facts.format],
    }
    # Libraries read all configurations of a folder with one reader: those of JSONL are listed, else those of Parquet.
    kinds = [kind for kind in ("trl", "openai") if any(one.kind == kind for one in files)] or ["parquet"]
    configs = [_config(kind, [one for one in files if one.kind == kind and one.rows]) for kind in kinds]
    front["configs"] = [{**one, "default": True} if not at else one for at, one in enumerate(configs)]
    if not any(one["data_files"] for one in configs):
        del front["configs"]
    return f"---\n{yaml.safe_dump(front, sort_keys=False, allow_unicode=True)}---"


def _config(kind: str, files: Sequence[ExportFile]) -> dict[str, Any]:
    return {"config_name": kind, "data_files": [{"split": one.split, "path": one.path} for one in files]}


def _image(plots: Mapping[str, tuple[str, str]], name: str) -> list[str]:
    return [f"![{plots[name][0]}]({PLOTS}/{name})"] if name in plots else []


def _what(facts: VersionFacts, settings: Dataset, files: Sequence[ExportFile]) -> Iterator[str]:
    if settings.description.strip():
        yield plain(settings.description)
    rows = facts.rows
    documents = f" They derive from {number(facts.documents)} documents." if facts.documents else ""
    yield (
        f"{number(rows['kept'])} examples for fine-tuning, in TRL's format `{facts.format}`: kept of "
        f"{number(rows['read'])} rows that were read; {number(rows['rejected'])} were left out.{documents}"
    )
    yield f"Digest of the version: `{facts.digest}`; of its rows and their sides alone: `{facts.rows_digest}`."
    named = [[code(one.path), one.rows, one.size] for one in files]
    if named:
        yield table(["file", "rows", "bytes"], named)


def _origin(facts: VersionFacts) -> Iterator[str]:
    listed = list(facts.sources) if len(facts.sources) <= MOST_SOURCES else _by_input(facts.sources)
    rows = [
        [
            one["input"],
            one["uri"] or f"{one['files']} files",
            code(one["source_version"][:12]) if one["source_version"] else "see lineage",
            one["licence"],
            one["owner"],
            ", ".join(one["uses"]),
            one["rows_read"],
            one["rows_kept"],
        ]
        for one in listed
    ]
    head = ["input", "file", "version", "licence", "owner", "owner permits", "rows read", "rows kept"]
    yield table(head, rows)
    yield (
        "A version is the SHA-256 of the file's bytes, here its beginning. Where a row derives from a document of a "
        "corpus, the document's owner, permission and licence count as well."
    )


def _by_input(sources: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Sums the files of each input up, where they are too many to list."""
    merged: dict[tuple[Any, ...], dict[str, Any]] = {}
    for one in sources:
        key = (one["input"], one["licence"], one["owner"], tuple(one["uses"]))
        into = merged.setdefault(key, {**one, "uri": None, "source_version": None, "files": 0}
                                 | {"rows_read": 0, "rows_kept": 0})  # fmt: skip
        into["files"] += 1
        into["rows_read"] += one["rows_read"]
        into["rows_kept"] += one["rows_kept"]
    return list(merged.values())


def _splits(facts: VersionFacts, settings: Dataset) -> Iterator[str]:
    counted = any("tokens" in one for one in facts.splits.values())
    rows = [
        [
            name,
            one["rows"],
            f"{one['share']:.1%}",
            f"{getattr(settings.split, name):.1%}",
            one["groups"],
            *([one.get("tokens", 0)] if counted else []),
        ]
        for name, one in facts.splits.items()
    ]
    yield table(["split", "rows", "share", "share wanted", "groups", *(["tokens"] if counted else [])], rows)
    by = settings.split.group_by
    grouped = {"content": "rows with the same prompt", "document": "rows of the same document"}
    what = grouped.get(by) or f"rows with the same value in {plain(by.removeprefix('column:'))}"
    yield (
        f"The side of a row is a pure function of the salt and the row's group, so that rows which are added later "
        f"move none of these. What belongs to one group stays on one side: {what}."
        + (" Each class was split by itself." if settings.split.stratify else "")
        + (f" {number(facts.without_group)} rows lack what groups go by, and were grouped by their prompt."
           if facts.without_group else "")
    )  # fmt: skip


def _licences(facts: VersionFacts, settings: Dataset) -> Iterator[str]:
    if facts.licences:
        yield table(["licence", "rows kept"], sorted(facts.licences.items()))
    yield (
        "Licences are those that the owners state. Every row's owner permits training, and so does the owner of the "
        "document that it derives from, where there is one."
    )
    audience = ", ".join(plain(one) for one in settings.audience)
    yield f"The model is meant for: {audience}. Rows that one of them may not see were left out."


def _lineage(facts: VersionFacts) -> Iterator[str]:
    yield (
        "`lineage.parquet` says for every line of the exports (`split`, `line`) where it comes from: file, version and "
        "line; document and span, where it derives from one; what was done to it on the way; and the rows that were "
        "merged into it. The exports themselves hold nothing but what trainers read. `rejected.jsonl` names the rows "
        "that were left out."
    )
    yield (
        "`freshet trace EXAMPLE_ID` follows an example back to its source, and `freshet trace FILE` or a document's "
        "address forward to every version that holds something of it."
    )


def _changes(facts: VersionFacts) -> Iterator[str]:
    if facts.previous is None:
        yield "This is the first version."
        return
    yield table(
        [f"against {facts.previous}", "rows"],
        [[name, facts.change.get(name, 0)] for name in ("added", "removed", "edited", "moved")],
    )
    command = ("freshet dataset diff", facts.dataset, facts.previous, facts.version)
    yield f"Row by row, with reasons: {code(' '.join(command))}."


def _use(facts: VersionFacts, files: Sequence[ExportFile]) -> Iterator[str]:
    yield "First see that the files are whole:"
    yield "```sh\nsha256sum -c MANIFEST.sha256\n```"
    kinds = {one.kind for one in files}
    first = next((one.split for one in files if one.split and one.rows), "train")
    if "trl" in kinds:
        trainer = _TRAINERS[facts.format]
        yield f"With TRL, whose `{trainer}` takes this format as it is:"
        yield (
            "```python\nfrom datasets import load_dataset\n"
            f"from trl import {trainer}\n\n"
            f'rows = load_dataset("FOLDER", "trl", split="{first}")\n'
            f'trainer = {trainer}(model="MODEL", train_dataset=rows)\ntrainer.train()\n```'
        )
    if "openai" in kinds:
        yield "With OpenAI, whose fine-tuning takes files of at least ten rows:"
        yield (
            "```python\nfrom openai import OpenAI\n\n"
            f'OpenAI().files.create(file=open("FOLDER/openai/{first}.jsonl", "rb"), purpose="fine-tune")\n```'
        )
    if "parquet" in kinds:
        yield "Anything else that reads Parquet:"
        yield f'```python\nimport pandas\n\nrows = pandas.read_parquet("FOLDER/parquet/{first}.parquet")\n```'
    yield "`croissant.json` describes the files and their columns for libraries that read Croissant 1.1."
