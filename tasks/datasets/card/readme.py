"""The dataset card of a version: README.md with its plots, for people, and for libraries that load the folder.

It quotes no row. It says nothing that depends on a clock, on a machine or on the gate, so that a version has one card.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from freshet.tasks.datasets.card.front import front_matter
from freshet.tasks.datasets.card.measured import Measured
from freshet.tasks.datasets.card.plots import card_plots
from freshet.tasks.datasets.card.sections import checks_part, left_out_part, limits_part
from freshet.tasks.datasets.card.sources import by_input
from freshet.tasks.governance.expressions import Expression
from freshet.tasks.render.markdown import code, plain, table
from freshet.tasks.render.values import number
from freshet.tasks.settings.access import AccessExpression
from freshet.tasks.settings.datasets import Dataset

if TYPE_CHECKING:
    from freshet.tasks.datasets.export.files import ExportFile
    from freshet.tasks.ledger.versions import VersionFacts

CARD = "README.md"
PLOTS = "card"
"""The folder of the plots within the folder of the version."""

_TRAINERS = {
    "language_modeling": "SFTTrainer",
    "prompt_completion": "SFTTrainer",
    "conversational": "SFTTrainer",
    "preference": "DPOTrainer",
    "unpaired_preference": "KTOTrainer",
}
MOST_SOURCES = 50
"""Source files that are listed one by one; of more files, their inputs are listed."""


def card(facts: VersionFacts, files: Sequence[ExportFile], inputs: Mapping[str, Mapping[str, int]]) -> dict[str, bytes]:
    """Returns the contents of the card and its plots, by path within the folder of the version.

    Args:
        files: the exported files of the version.
        inputs: by split and input, the number of kept rows.
    """
    settings, measured = Dataset.model_validate(facts.settings), Measured(**facts.measured)
    plots = card_plots(facts, inputs, measured.lengths, settings.checks.tokens.max_tokens)
    parts = [
        front_matter(facts, files),
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
    listed = list(facts.sources) if len(facts.sources) <= MOST_SOURCES else by_input(facts.sources)
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
    said = settings.audience
    is_list = not isinstance(said, AccessExpression)
    audience = ", ".join(plain(one) for one in said) if is_list else plain(Expression.of(said).in_words)
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
