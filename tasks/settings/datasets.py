"""What freshet.yaml may say of a fine-tuning dataset."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ByteSize, Field, model_validator
from pydantic_core import PydanticCustomError

from freshet.expectations.fixed_rules import TunedSeverity
from freshet.tasks.settings.access import Acl
from freshet.tasks.settings.addresses import address_name
from freshet.tasks.settings.schedules import DatasetSchedule
from freshet.tasks.settings.types import (
    Count,
    Duration,
    PositiveGlob,
    Region,
    RuleCode,
    Share,
    Size,
    Strict,
    Text,
    Threshold,
    Unbooled,
)

Use = Literal["retrieval", "training"]
Format = Literal["language_modeling", "prompt_completion", "conversational", "preference", "unpaired_preference"]
"""TRL's names."""

FileKind = Literal["jsonl", "json", "csv", "parquet"]
Shape = Literal["trl", "openai", "sharegpt", "alpaca", "squad", "columns"]
Handling = Literal["reject", "redact", "allow"]
ExportKind = Literal["trl", "openai", "parquet"]
SplitName = Literal["train", "validation", "test"]
PLACEHOLDERS = ("<noinput>", "<no input>", "<none>", "<empty>")


def _date(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        raise ValueError("write a date like 2026-11-22")
    return value


class RuleTuning(Strict):
    """What a corpus or dataset makes of one rule."""

    severity: Annotated[TunedSeverity, Unbooled] | None = Field(
        None, description="block keeps an item out, warn marks it, note only records, off does not apply the rule"
    )
    threshold: Threshold | None = Field(None, description="the number that the rule judges by, where it has one")


class UseRule(Strict):
    """What may be done with the documents that match."""

    document: PositiveGlob = Field(description="glob, as in .gitignore, over the documents that rows derive from")
    uses: list[Use] = Field(description="what their owner permits, in place of the input's uses; [] is nothing")


class Columns(Strict):
    """Which column of the files gives what. A dotted name reaches into an object, like `meta.id`."""

    text: Text | None = Field(None, description="the whole text of a language_modeling row")
    system: Text | None = Field(None, description="the system message before a prompt; conversational only")
    prompt: Text | None = Field(None, description="what is given")
    completion: Text | None = Field(None, description="what is to be learnt")
    messages: Text | None = Field(None, description="the turns of a conversation")
    tools: Text | None = Field(None, description="the functions that are offered in a conversation")
    chosen: Text | None = Field(None, description="the better answer")
    rejected: Text | None = Field(None, description="the worse answer")
    label: Text | None = Field(None, description="whether an unpaired answer is a good one")
    passage: Text | None = Field(None, description="the passage that the answer cites; it is put before the prompt")
    document: Text | None = Field(None, description="the document that the row derives from: its path, URI or id")
    start: Text | None = Field(None, description="first character of the cited span in the document's passage")


class RowsInput(Strict):
    """Files of rows."""

    rows: Text = Field(description="file or glob, relative to the settings file, or an fsspec URL, also with a glob")
    name: Text | None = Field(None, description="name of the input; the default is its address as written")
    kind: FileKind | None = Field(None, description="format of the files; by default, what their suffix says")
    shape: Shape | None = Field(
        None, description="names of the columns: trl, openai, sharegpt, alpaca, squad, or columns for those given below"
    )
    columns: Columns = Field(Columns(), description="which column gives what; for shape columns")
    corpus: Text | None = Field(
        None, description="the corpus that the rows' documents are in; their access, uses and licence are inherited"
    )
    owner: Text = Field(description="who answers for these rows")
    licence: Text = Field(description="licence of the rows, best as an SPDX identifier")
    uses: list[Use] = Field(min_length=1, description="what the owner permits; rows without training are rejected")
    permissions: list[UseRule] = Field(
        [], description="exceptions to uses by document; the first whose glob matches the row's document wins"
    )
    acl: Acl = Field(
        ["everyone"],
        description="who may see the rows: everyone, user:NAME, group:NAME; a list, one of which is enough, or a "
        "mapping of all and none",
    )
    retain: Duration | None = Field(None, description="how long versions hold these rows; by default, the dataset's")
    max_line: Size = Field(ByteSize(10_000_000), description="a longer line of a file is rejected, unread")

    @property
    def called(self) -> str:
        """What the input is called: its name, or its address with the passwords and tokens in it masked."""
        return self.name or address_name(self.rows, queries=False)


class Labels(Strict):
    """Looks for wrong labels where the completion is a class."""

    folds: Count = Field(5, ge=2, le=20, description="parts of the out-of-fold predictions")
    suspects: Share = Field(0.08, description="share of the rows, the least plausible labels, that are marked")


class Tokens(Strict):
    """The tokenizer of the model that will be trained, to know how long rows are."""

    tokenizer: Text = Field("bundled", description="`bundled`, or the folder of a tokenizer")
    max_tokens: Count = Field(2048, ge=8, le=10_000_000, description="tokens that the training takes of a row")


class Checks(Strict):
    """What rows are looked at for."""

    near_duplicates: Annotated[float, Field(ge=0.75, le=1)] = Field(
        0.8, description="true Jaccard similarity of word 5-grams from which two rows are near duplicates"
    )
    personal_data: Handling = Field("reject", description="what becomes of rows with personal data")
    secrets: Handling = Field("reject", description="what becomes of rows with secrets")
    decontaminate: list[Text] = Field(
        [], description="files or globs of benchmarks that no row may repeat, relative to the settings file"
    )
    labels: Labels | None = Field(None, description="for rows whose completion is a class: look for wrong ones")
    tokens: Tokens = Field(Tokens(), description="how long a row may be for the model that is trained")
    placeholders: list[Text] = Field(list(PLACEHOLDERS), description="texts that stand for no text at all")
    regions: list[Region] = Field(
        ["US"], description="countries (ISO 3166) whose phone numbers are known without their country code"
    )


class Split(Strict):
    """Which side a row falls on: a pure function of the salt and the row's group."""

    train: Share = Field(0.9, description="share of the groups")
    validation: Share = Field(0.05, description="share of the groups")
    test: Share = Field(0.05, description="share of the groups")
    group_by: Text = Field(
        "content",
        description="what stays together: document, content (rows with the same prompt), or column:NAME of the files",
    )
    salt: str = Field("freshet", description="another salt gives another split")
    tolerance: Share = Field(0.02, description="how far a side's share of the rows may be from what is wanted")
    stratify: bool = Field(False, description="split every class by itself, for rows whose completion is a class")

    @model_validator(mode="after")
    def _shares_make_a_whole(self) -> Split:
        total = self.train + self.validation + self.test
        if abs(total - 1) > 1e-9:
            raise PydanticCustomError(
                "relation",
                "train, validation and test add up to {total}, not to 1",
                {"total": f"{total:g}", "key": "train", "mend": "write shares that add up to 1"},
            )
        return self


class DatasetGate(Strict):
    """What a version must come up to before it is published."""

    min_rows: Count = Field(1, ge=0, le=1_000_000_000, description="rows that must be kept")
    min_kept: Share = Field(0.5, description="share of the rows read that must be kept")
    max_change: Share = Field(0.5, description="share of the last version's rows that may go at once")
    max_class: Share = Field(1.0, description="largest share of the rows that one class may have")
    max_source: Share = Field(1.0, description="largest share of the rows that one input may have")


class Dataset(Strict):
    """A named fine-tuning dataset."""

    format: Format = Field(description="TRL's name of the format")
    description: str = Field("", description="what it is for, as the dataset card says")
    inputs: list[RowsInput] = Field(min_length=1, description="where its rows come from")
    published: Annotated[date, BeforeValidator(_date)] | None = Field(
        None, description="date of publication that the metadata state, like 2026-11-22; without one they state none"
    )
    audience: Acl = Field(
        ["everyone"],
        description="who will use the model: rows that one of a list may not see are rejected; a mapping of all and "
        "none describes one kind of user, who is in each list of all and is none of none",
    )
    licences: list[Text] = Field([], description="licences that rows may have; without any, every stated one")
    checks: Checks = Field(Checks(), description="what rows are looked at for")
    split: Split = Field(Split(), description="which side a row falls on")
    gate: DatasetGate = Field(DatasetGate(), description="what a version must come up to before it is published")
    rules: dict[RuleCode, RuleTuning] = Field(
        {}, description="rules that are other than usual, by their code; `freshet rules` lists them all"
    )
    retain: Duration = Field(timedelta(days=3 * 365), description="how long versions are kept")
    export: list[ExportKind] = Field(["trl"], description="what a version is written as: trl, openai, parquet")
    schedule: DatasetSchedule = Field(
        DatasetSchedule(), description="when it gets its versions, where that is other than usual"
    )
