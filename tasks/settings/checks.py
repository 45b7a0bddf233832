"""Checks what the models of the settings cannot see: relations between sources, and what is on this machine's disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from freshet.expectations.rules import RULES
from freshet.tasks.settings.addresses import has_credentials, is_remote, normal_path, resolve, shown, source_name
from freshet.tasks.settings.areas import Area
from freshet.tasks.settings.dataset_checks import dataset_absent, dataset_faults
from freshet.tasks.settings.datasets import RuleTuning
from freshet.tasks.settings.explain import nearest
from freshet.tasks.settings.golden import read_golden
from freshet.tasks.settings.golden import text as golden_text
from freshet.tasks.settings.lines import Located
from freshet.tasks.settings.places import Finding, Place, place_text
from freshet.tasks.settings.project import EVERYONE, Chunking, Embedding, FolderSource, GitSource, Settings, Source
from freshet.tasks.settings.tuning import tuning_faults

_BUNDLED_TOKENS = 256
"""Tokens of a text that the bundled model, all-MiniLM-L6-v2, reads."""


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
        if embedding:
            self._model(embedding.model)
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
            if isinstance(corpus, dict) and isinstance(corpus.get("golden"), str):
                self._golden(corpus["golden"], (*place, "golden"))
            if isinstance(corpus, dict) and isinstance(corpus.get("rules"), dict):
                self._rules(corpus["rules"], (*place, "rules"))
        self._datasets(data.get("datasets"), corpora if isinstance(corpora, dict) else {})

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

    def _model(self, model: str) -> None:
        place: Place = ("embedding", "model")
        path = Path(resolve(model, self._root))
        text = self._shown(place, model)
        if model == "bundled" or os.path.isdir(path):
            return
        if os.path.isfile(path) or model.startswith((".", "/", "~")) or model.count("/") > 1:
            self._error(
                place,
                f"the model's folder {text} does not exist",
                f"looked for {self._path(place, path)}; write bundled, a folder that exists, or a model's name",
            )
        elif "/" not in model and nearest(model, ["bundled"]):
            self._note(place, f"{text} is taken for the name of a model", "did you mean bundled?")

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
        self._access(placed)
        self._store(placed)

    def _access(self, placed: _Placed) -> None:
        lists: list[tuple[Place, list[str]]] = [((*placed.place, "acl"), placed.source.acl)]
        seen: set[str] = set()
        for position, rule in enumerate(placed.source.access):
            at = (*placed.place, "access", position)
            lists.append(((*at, "acl"), rule.acl))
            if rule.path in seen or seen & {"**", "*"}:
                self._note(
                    (*at, "path"),
                    "this rule never applies: an earlier one takes all its paths",
                    "put the narrower rule first",
                )
            seen.add(rule.path)
        for at, acl in lists:
            if EVERYONE in acl and len(set(acl)) > 1:
                self._note(
                    at,
                    "everyone may read these, so the other principals change nothing",
                    "write [everyone], or leave everyone out",
                )

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

    def _golden(self, address: str, place: Place) -> None:
        """What is wrong with the file of golden questions; its own lines are named beside the key's."""
        if not address or any(place[: len(broken)] == broken for broken in self._located.broken):
            return
        path = Path(resolve(address, self._root))
        written = self._shown(place, address)
        if is_remote(address) or not os.path.isfile(path):
            what = f"the file {written} does not exist"
            self._error(place, what, f"looked for {self._path(place, path)}; relative paths start at the settings file")
            return
        for finding in read_golden(path)[1]:
            self._error(place, golden_text(written, finding), finding.mend)

    def _rules(self, rules: dict[str, Any], place: Place) -> None:
        for code, data in rules.items():
            at = (*place, code)
            if code in RULES and (tuning := self._part(RuleTuning, data, at)):
                for key, what, mend in tuning_faults(RULES[code], tuning.severity, tuning.threshold):
                    self._error((*at, key) if key else at, what, mend)

    def _length(self, corpus: dict[str, Any], place: Place) -> None:
        chunking = self._part(Chunking, corpus.get("chunking", {}), (*place, "chunking"))
        if chunking and chunking.max_tokens > _BUNDLED_TOKENS:
            what = f"the bundled model reads {_BUNDLED_TOKENS} tokens; what follows is found by full text only"
            self._note(
                (*place, "chunking", "max_tokens"),
                what,
                f"write max_tokens: {_BUNDLED_TOKENS}, or choose a model that reads more",
            )


def _kind(source: FolderSource | GitSource) -> str:
    return "folder" if isinstance(source, FolderSource) else "git"
