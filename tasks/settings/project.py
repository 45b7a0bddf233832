"""freshet.yaml and the environment → typed settings. Nothing is read at import.

These models say what a setting may be. Reading a file, with lines and all problems at once, is
tasks/settings/file.py. Descriptions here are what editors show, what `freshet schema` prints and
what docs/configuration.md explains.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import ByteSize, Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from freshet.tasks.settings.access import Acl
from freshet.tasks.settings.datasets import Dataset, RuleTuning, Use
from freshet.tasks.settings.embedding import Embedding
from freshet.tasks.settings.generation import Generation, QueryLog
from freshet.tasks.settings.lineage import Lineage
from freshet.tasks.settings.maintenance import Maintenance
from freshet.tasks.settings.reranking import Reranker
from freshet.tasks.settings.schedules import CorpusSchedule, Deployment, Schedules
from freshet.tasks.settings.service import Service
from freshet.tasks.settings.types import (
    CorpusName,
    Count,
    Duration,
    Globs,
    Language,
    PositiveGlob,
    Region,
    RuleCode,
    Share,
    Size,
    StoreMode,
    Strict,
    Text,
    duration_text,
)

EVERYONE = "everyone"
"""The one public principal."""

TaskRunnerName = Literal["threads", "processes", "ray"]


class Freshness(Strict):
    """How old a document of this source may grow, counted from its last change."""

    warn_after: Duration | None = Field(None, description="older documents are served, marked stale")
    block_after: Duration | None = Field(None, description="older documents are not served; longer than warn_after")

    @model_validator(mode="after")
    def _warn_comes_first(self) -> Freshness:
        if self.warn_after and self.block_after and self.block_after <= self.warn_after:
            raise PydanticCustomError(
                "relation",
                "block_after ({block}) is not longer than warn_after ({warn}), so nobody would be warned",
                {
                    "block": duration_text(self.block_after),
                    "warn": duration_text(self.warn_after),
                    "key": "block_after",
                    "mend": "write a longer block_after, or leave one of the two out",
                },
            )
        return self


class AccessRule(Strict):
    """Who may read the documents whose path matches."""

    path: PositiveGlob = Field(description="glob, as in .gitignore, over paths below the source, like `legal/**`")
    acl: Acl = Field(
        description="who may read them, in place of the source's acl: everyone, user:NAME, group:NAME; a list, one "
        "of which is enough, or a mapping of all and none"
    )


class _Source(Strict):
    name: Text | None = Field(
        None,
        description="stable name of the source, part of every document's id; the default is its address as written, "
        "so that a source without a name is a new source once its address changes",
    )
    owner: Text = Field(description="who answers for these documents")
    acl: Acl = Field(
        description="who may read them: everyone, user:NAME, group:NAME; a list, one of which is enough, or a mapping "
        "of all and none; it has no default"
    )
    access: list[AccessRule] = Field([], description="exceptions to acl; the first whose path matches wins")
    uses: list[Use] = Field(
        ["retrieval"], min_length=1, description="what the owner permits; training must be said to be permitted"
    )
    licence: Text | None = Field(None, description="licence of the documents, best as an SPDX identifier")
    freshness: Freshness = Field(Freshness(), description="how old a document may grow")
    include: Globs = Field(["**"], min_length=1, description="globs, as in .gitignore, of the paths to take")
    exclude: Globs = Field([], description="globs, as in .gitignore, of the paths to leave out; they win over include")
    max_size: Size = Field(ByteSize(100_000_000), description="a larger file is quarantined, unread")


class FolderSource(_Source):
    """Files below a folder, local or at any fsspec URL."""

    folder: Text = Field(description="folder, relative to the settings file, or an fsspec URL like s3://bucket/prefix")

    @property
    def address(self) -> str:
        """Where the documents are: the folder."""
        return self.folder


class GitSource(_Source):
    """Files of a git repository at a ref."""

    git: Text = Field(description="URL of the repository, or its path, relative to the settings file")
    ref: Text = Field("HEAD", description="branch, tag or commit")

    @property
    def address(self) -> str:
        """Where the documents are: the repository."""
        return self.git


SOURCE_KINDS: Sequence[str] = ("folder", "git")
"""The key that says what kind of source an entry of `sources` is."""


def _source_kind(value: Any) -> str | None:
    keys = value.keys() if isinstance(value, dict) else {kind for kind in SOURCE_KINDS if hasattr(value, kind)}
    return next((kind for kind in SOURCE_KINDS if kind in keys), None)


Source = Annotated[
    Annotated[FolderSource, Tag("folder")] | Annotated[GitSource, Tag("git")], Discriminator(_source_kind)
]


class Chunking(Strict):
    """How documents are cut into passages."""

    max_tokens: Count = Field(256, ge=16, le=8192, description="longest passage, in tokens of the embedding model")
    overlap_tokens: Count = Field(
        0, ge=0, le=4095, description="how much of a passage the next one repeats; less than half of max_tokens"
    )

    @model_validator(mode="after")
    def _passages_advance(self) -> Chunking:
        if self.overlap_tokens * 2 >= self.max_tokens:
            raise PydanticCustomError(
                "relation",
                "overlap_tokens ({overlap}) is not less than half of max_tokens ({most})",
                {
                    "overlap": self.overlap_tokens,
                    "most": self.max_tokens,
                    "key": "overlap_tokens",
                    "mend": f"write at most {(self.max_tokens - 1) // 2}",
                },
            )
        return self


class Parsing(Strict):
    """Limits of one document's parsing, beyond which it is quarantined, and what of it is text."""

    workers: Count = Field(2, ge=1, le=64, description="parser processes")
    timeout: Duration = Field(timedelta(minutes=5), description="wall-clock time of one document")
    stall: Duration = Field(timedelta(minutes=1), description="time without CPU use or progress")
    memory: Size = Field(ByteSize(2_000_000_000), description="memory of one parser process")
    output: Size = Field(ByteSize(50_000_000), description="parsed text and elements of one document")
    comments: bool = Field(False, description="whether comments in Office files and PDFs are text")

    def limits(self) -> str:
        """Returns the limits that may cost a document its parsing, as JSON."""
        return self.model_dump_json(exclude={"workers", "comments"})


class AnswersGate(Strict):
    """What the answers to the golden questions must come up to."""

    answered: Share | None = Field(None, description="of the golden questions, the share that must be answered")
    supported: Share | None = Field(
        None, description="of the sentences of those answers, the share in which no finding may be"
    )
    cited: Share | None = Field(
        None, description="of those answers, the share that must cite a document that the golden file names"
    )
    refused: Share | None = Field(
        None, description="of the golden questions as asked by those in `refused_for`, the share that must be refused"
    )


class Gate(Strict):
    """What a refresh must come up to before readers move to it."""

    recall_at_5: Share | None = Field(
        None, description="of the exam's questions, the share that must find their document among the first five"
    )
    max_drop: Share = Field(
        0.02, description="how much worse than the last release the exam may turn out, where that is not chance"
    )
    questions: Count = Field(
        100, ge=1, le=2000, description="most questions that are drawn from the corpus where there is no golden file"
    )
    answers: AnswersGate = Field(AnswersGate(), description="what the answers to the golden questions must come up to")


class Corpus(Strict):
    """A named set of documents out of one or more sources, indexed together."""

    sources: list[Source] = Field(min_length=1, description="where its documents come from")
    chunking: Chunking = Field(Chunking(), description="how its documents are cut into passages")
    parsing: Parsing = Field(Parsing(), description="limits of one document's parsing, and what of it is text")
    golden: Text | None = Field(
        None, description="YAML file of questions and the documents that answer them, relative to the settings file"
    )
    gate: Gate = Field(Gate(), description="what a refresh must come up to before readers move to it")
    rules: dict[RuleCode, RuleTuning] = Field(
        {}, description="rules that are other than usual, by their code; `freshet rules` lists them all"
    )
    external_links: bool = Field(
        False, description="full refreshes ask the hosts of web links whether the pages are still there"
    )
    languages: list[Language] = Field(
        [], description="languages that its documents may be in (ISO 639-1, like en); without any, that is not checked"
    )
    regions: list[Region] = Field(
        ["US"],
        description="countries (ISO 3166, like US) whose phone numbers are known without their country code",
    )
    schedule: CorpusSchedule = Field(
        CorpusSchedule(), description="when it is refreshed, where that is other than usual"
    )


class Roster(Strict):
    """Which groups people are in, where that comes from a directory."""

    file: Text = Field(description="YAML file of groups and their members, relative to the settings file")
    max_age: Duration = Field(
        timedelta(days=7),
        description="an older roster puts nobody into a group, and lets nobody in where `none` names one",
    )


class Settings(Strict):
    """A whole freshet.yaml."""

    store: Text = Field(
        "./.freshet",
        description="folder of the store, relative to the settings file, or a bucket URL like s3://bucket/prefix; "
        "the environment variable FRESHET_STORE overrides it",
    )
    store_mode: StoreMode = Field(
        "private",
        description="who on this machine may read a store on a disk: private, its owner; group, the folder's group as "
        'well; shared, everybody; or the mode of its folders, like "0770" for a group that writes, too',
    )
    embedding: Embedding = Field(Embedding(), description="the model that turns texts into vectors")
    reranker: Reranker | None = Field(
        None, description="what puts the best passages of a search in order; without it, they stay as they were found"
    )
    task_runner: TaskRunnerName = Field(
        "threads", description="what runs the batches of a refresh; the results are the same"
    )
    corpora: dict[CorpusName, Corpus] = Field(
        {}, description="the corpora by name: lower-case letters, digits, hyphens"
    )
    datasets: dict[CorpusName, Dataset] = Field(
        {}, description="the fine-tuning datasets by name: lower-case letters, digits, hyphens"
    )
    generation: Generation = Field(Generation(), description="how answers are made")
    query_log: QueryLog = Field(QueryLog(), description="what is kept of the questions that were asked")
    service: Service = Field(Service(), description="the service that people, programs and agents ask")
    lineage: Lineage = Field(Lineage(), description="where the record of runs goes besides the store")
    roster: Roster | None = Field(
        None, description="which groups people are in; without it, the groups that whoever asks names himself"
    )
    maintenance: Maintenance = Field(Maintenance(), description="how long the store keeps what nobody needs any more")
    schedules: Schedules = Field(Schedules(), description="when things run, as cron expressions, or off")
    deployment: Deployment = Field(Deployment(), description="how the project appears on its Prefect server")
