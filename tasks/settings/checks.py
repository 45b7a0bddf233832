"""Checks what the models of the settings cannot see: relations between sources, and what is on this machine's disk."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from freshet.expectations.rules import RULES
from freshet.tasks.settings.access_checks import access_notes, unlisted_groups, unmatched_rules
from freshet.tasks.settings.addresses import has_credentials, is_remote, normal_path, resolve, shown, source_name
from freshet.tasks.settings.answer_checks import gate_faults
from freshet.tasks.settings.areas import Area
from freshet.tasks.settings.dataset_checks import dataset_absent, dataset_faults
from freshet.tasks.settings.datasets import RuleTuning
from freshet.tasks.settings.embedding import Embedding
from freshet.tasks.settings.generation import Generation
from freshet.tasks.settings.golden import read_golden
from freshet.tasks.settings.lines import Located
from freshet.tasks.settings.model_checks import Fault, embedding_faults, generation_faults, length_note, reranker_faults
from freshet.tasks.settings.named_files import text
from freshet.tasks.settings.places import Finding, Place, place_text
from freshet.tasks.settings.project import Chunking, FolderSource, Gate, GitSource, Roster, Settings, Source
from freshet.tasks.settings.reranking import Reranker
from freshet.tasks.settings.roster import read_roster
from freshet.tasks.settings.roster_checks import roster_faults
from freshet.tasks.settings.service import Service
from freshet.tasks.settings.service_checks import service_faults, unlisted_owners
from freshet.tasks.settings.tuning import tuning_faults


@dataclass(frozen=True)
class _Placed:
    """A source that the models accept, though others in the file may not be."""

    place: Place
    source: FolderSource | GitSource

    @property
    def name(self) -> str:
        # Credentials are no part of a name, so addresses that differ in them alone are the same.
        return source_name(self.source)


class Checker:
    """Checks every part of the file that is sound in itself, so that one mistake hides no other.

    Attributes:
        errors: what must be mended before anything is started.
        absent: sources and inputs that are not there now, as behind a lost mount: no mistake of the file's.
        notes: what is allowed but probably not meant.
    """

    def __init__(self, located: Located, root: Path) -> None:
        """Looks at nothing yet.

        Args:
            located: the settings file as it was read, with the line of every key.
            root: the folder of the settings file, where relative paths start.
        """
        self._located = located
        self._root = root
        self.errors: list[Finding] = []
        self.absent: list[Finding] = []
        self.notes: list[Finding] = []

    def run(self) -> None:
        """Checks the whole file, and fills `errors`, `absent` and `notes`."""
        data = self._located.data
        embedding = self._part(Embedding, data.get("embedding", {}), ("embedding",))
        self._models(data, embedding)
        corpora = data.get("corpora")
        if not corpora and not data.get("datasets") and ("corpora",) not in self._located.lines:
            self._note((), "there are no corpora, so there is nothing to refresh", "add one under corpora:")
        for name, corpus in corpora.items() if isinstance(corpora, dict) else ():
            place: Place = ("corpora", name)
            sources = list(self._sources(corpus, place))
            self._names(sources)
            self._overlaps(sources)
            for placed in sources:
                self._source(placed)
            if embedding and embedding.model == "bundled" and isinstance(corpus, dict):
                self._length(corpus, place)
            if isinstance(corpus, dict):
                self._golden(corpus, place)
            if isinstance(corpus, dict) and isinstance(corpus.get("rules"), dict):
                self._rules(corpus["rules"], (*place, "rules"))
        self._datasets(data.get("datasets"), corpora if isinstance(corpora, dict) else {})

    def look_for_files(self) -> None:
        """Notes access rules that match no file, which lists folders and so is left to whoever checks the settings."""
        corpora = self._located.data.get("corpora")
        for name, corpus in corpora.items() if isinstance(corpora, dict) else ():
            for placed in self._sources(corpus, ("corpora", name)):
                for fault in unmatched_rules(placed.place, placed.source, self._root):
                    self._note(*fault)

    def look_at_roster(self) -> None:
        """Reads the roster, which may be large, comes from elsewhere, and stops nobody but whoever asks."""
        data = self._located.data
        if "roster" not in data or not (said := self._part(Roster, data["roster"], ("roster",))):
            return
        place: Place = ("roster", "file")
        written = self._shown(place, said.file)
        path = self._file(said.file, place)
        roster, findings = read_roster(path) if path else (None, [])
        for finding in findings:
            self._error(place, text(written, finding), finding.mend)
        if not roster:
            return
        self._add(roster_faults(place, written, roster, said.max_age, datetime.now(UTC)))
        if service := self._part(Service, data.get("service", {}), ("service",)):
            self._add(unlisted_owners(service, roster.members))
        corpora = data.get("corpora")
        for name, corpus in corpora.items() if isinstance(corpora, dict) else ():
            for placed in self._sources(corpus, ("corpora", name)):
                for fault in unlisted_groups(placed.place, placed.source, roster.members):
                    self._note(*fault)

    def _file(self, address: str, place: Place) -> Path | None:
        """Where a file is that the settings name; None, and an error, where there is none."""
        path = Path(resolve(address, self._root))
        if not is_remote(address) and os.path.isfile(path):
            return path
        what = f"the file {self._shown(place, address)} does not exist"
        self._error(place, what, f"looked for {self._path(place, path)}; relative paths start at the settings file")
        return None

    def _datasets(self, datasets: Any, corpora: dict[str, Any]) -> None:
        for name, dataset in datasets.items() if isinstance(datasets, dict) else ():
            place: Place = ("datasets", name)
            for at, what, mend in dataset_faults(place, dataset, corpora):
                if not self._is_broken(at):
                    self._error(at, what, mend)
            for at, what, mend in dataset_absent(place, dataset, self._local):
                if not self._is_broken(at):
                    self.absent.append(Finding(at, self._located.line(at), what, mend))

    def _local(self, address: str) -> str | None:
        return None if is_remote(address) else resolve(address, self._root)

    def _is_broken(self, place: Place) -> bool:
        """Whether something at the place, or below it, was refused by its model."""
        return any(broken[: len(place)] == place for broken in self._located.broken)

    def _part(self, model: Any, data: Any, place: Place) -> Any:
        """A part of the file as its model, or None where the model refuses it: that is reported elsewhere."""
        if self._is_broken(place):
            return None
        try:
            return TypeAdapter(model).validate_python(data)
        except ValidationError:
            return None

    def _sources(self, corpus: Any, place: Place) -> Iterator[_Placed]:
        sources = corpus.get("sources") if isinstance(corpus, dict) else None
        for position, data in enumerate(sources if isinstance(sources, list) else ()):
            at = (*place, "sources", position)
            if source := self._part(Source, data, at):
                yield _Placed(at, source)

    def _error(self, place: Place, what: str, mend: str) -> None:
        self.errors.append(Finding(place, self._located.line(place), what, mend))

    def _note(self, place: Place, what: str, mend: str) -> None:
        self.notes.append(Finding(place, self._located.line(place), what, mend))

    def _shown(self, place: Place, text: str) -> str:
        """A value as the file writes it, so that what a variable holds is not shown."""
        return shown(self._located.written.get(place, text))

    def _models(self, data: dict[str, Any], embedding: Embedding | None) -> None:
        faults: list[Fault] = []
        if embedding:
            faults += embedding_faults(embedding.model, self._root, self._shown, self._path)
        if generation := self._part(Generation, data.get("generation", {}), ("generation",)):
            faults += generation_faults(generation, self._root, self._shown, self._path)
        if "reranker" in data and (reranker := self._part(Reranker, data["reranker"], ("reranker",))):
            faults += reranker_faults(reranker, self._root, self._shown, self._path)
        if service := self._part(Service, data.get("service", {}), ("service",)):
            faults += service_faults(service, self._shown)
        self._add(faults)

    def _add(self, faults: Iterable[Fault]) -> None:
        for kind, place, what, mend in faults:
            into = {"error": self.errors, "absent": self.absent, "note": self.notes}[kind]
            into.append(Finding(place, self._located.line(place), what, mend))

    def _path(self, place: Place, path: Path) -> str:
        """A path for a message; as the file writes it where a variable is part of it."""
        written = self._located.written.get(place, "")
        return written if "${" in written else shown(str(path))

    def _names(self, sources: list[_Placed]) -> None:
        first: dict[str, _Placed] = {}
        for placed in sources:
            known = first.setdefault(placed.name, placed)
            if known is not placed:
                at = (*placed.place, "name" if placed.source.name else _kind(placed.source))
                text = self._shown(at, placed.name)
                where = f"{place_text(known.place[-2:])}, line {self._located.line(known.place)}"
                self._error(
                    at,
                    f"two sources of the corpus are called {text} ({where})",
                    "give each source a name of its own: name: …",
                )

    def _overlaps(self, sources: list[_Placed]) -> None:
        areas = [(placed, Area.of(placed.source, self._root)) for placed in sources]
        for position, (placed, area) in enumerate(areas):
            for other, other_area in areas[:position]:
                if not (common := area.overlap(other_area)):
                    continue
                at = (*placed.place, _kind(placed.source))
                where = f"{place_text(other.place[-2:])}, line {self._located.line(other.place)}"
                what = f"files would be listed twice, here and by {where}: both take paths like {shown(common)}"
                self._error(at, what, "keep them apart with include and exclude, or remove one of the two sources")

    def _source(self, placed: _Placed) -> None:
        source = placed.source
        at = (*placed.place, _kind(source))
        written = self._located.written.get(at, source.address)
        if not is_remote(source.address):
            path = Path(resolve(source.address, self._root))
            noun = "folder" if isinstance(source, FolderSource) else "repository"
            if not os.path.isdir(path):
                is_file = os.path.isfile(path)
                what = f"the {noun} {shown(written)} " + ("is a file" if is_file else "does not exist")
                mend = f"looked for {self._path(at, path)}; relative paths start at the settings file"
                (self.errors if is_file else self.absent).append(Finding(at, self._located.line(at), what, mend))
        if has_credentials(written):
            self._note(
                at,
                "a credential stands in the settings file",
                "put it in the environment and write ${NAME} in its place",
            )
        elif "${" in written and not source.name:
            self._note(
                at,
                "the address differs with the environment and the source has no name",
                "add name: …, since ids of documents derive from it",
            )
        for fault in access_notes(placed.place, source):
            self._note(*fault)
        self._store(placed)

    def _store(self, placed: _Placed) -> None:
        store = self._located.data.get("store", Settings().store)
        if not isinstance(store, str) or is_remote(store) or not isinstance(placed.source, FolderSource):
            return
        inside = Area.of(placed.source, self._root).takes_below(normal_path(resolve(store, self._root)))
        if inside:
            at = (*placed.place, "folder")
            self._error(
                at,
                "the store lies inside this folder, so that the index would be indexed",
                f"add exclude: [{inside}/], or move the store",
            )

    def _golden(self, corpus: dict[str, Any], place: Place) -> None:
        """What is wrong with the golden questions, and with the floors for their answers.

        Lines of their file are named beside the key's.
        """
        at, address = (*place, "golden"), corpus.get("golden")
        if address and any(at[: len(broken)] == broken for broken in self._located.broken):
            return
        path = self._file(address, at) if isinstance(address, str) and address else None
        questions, findings = read_golden(path) if path else (None, [])
        for finding in findings:
            self._error(at, text(self._shown(at, str(address)), finding), finding.mend)
        gate = self._part(Gate, corpus.get("gate", {}), (*place, "gate"))
        if gate and not findings and (path or not address):
            for fault in gate_faults((*place, "gate"), gate, questions):
                self._error(*fault)

    def _rules(self, rules: dict[str, Any], place: Place) -> None:
        for code, data in rules.items():
            at = (*place, code)
            if code in RULES and (tuning := self._part(RuleTuning, data, at)):
                for key, what, mend in tuning_faults(RULES[code], tuning.severity, tuning.threshold):
                    self._error((*at, key) if key else at, what, mend)

    def _length(self, corpus: dict[str, Any], place: Place) -> None:
        chunking = self._part(Chunking, corpus.get("chunking", {}), (*place, "chunking"))
        if chunking and (note := length_note(chunking.max_tokens)):
            self._note((*place, "chunking", "max_tokens"), *note)


def _kind(source: FolderSource | GitSource) -> str:
    return "folder" if isinstance(source, FolderSource) else "git"
