"""What the service answers with: one project and its store, models that are loaded once, and whoever asks as he is."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from freshet.tasks.answers.ask import Explained, ask, writer_of
from freshet.tasks.errors import AccessCheckFailed, ModelFailed, SettingsError, StoreError
from freshet.tasks.governance.roster import Roster, asker_of, load_roster
from freshet.tasks.ledger.query_log import QueryLog
from freshet.tasks.ledger.releases import Release, Standing, find_standing, list_releases, published_releases
from freshet.tasks.rules.rulebook import tuned_rules
from freshet.tasks.runs.run import store_of
from freshet.tasks.search.candidates import Mode
from freshet.tasks.search.hits import Answer
from freshet.tasks.search.ordering import ordering_of
from freshet.tasks.search.retrieve import embedder_of, query_embedder, search, standing_at
from freshet.tasks.search.sight import sight_of
from freshet.tasks.search.wanted import NOTHING, Wanted
from freshet.tasks.service.caller import Caller, NotPermitted, NotThere
from freshet.tasks.service.documents import Shown, read_document, visible_ids
from freshet.tasks.settings.addresses import escaped, shown

if TYPE_CHECKING:
    from freshet.tasks.answers.answer import Sentence
    from freshet.tasks.answers.compose import Writer
    from freshet.tasks.embedding.vectors import Vectors
    from freshet.tasks.governance.expressions import Asker
    from freshet.tasks.settings.file import Project

_LOG = logging.getLogger("freshet.service")


class Desk:
    """Answers callers from one project. It may be used by several threads.

    Attributes:
        project: the settings as they were when the service began.
        log: where questions are put on record.
    """

    def __init__(self, project: Project) -> None:
        """Opens nothing; models are loaded at first need."""
        self.project = project
        self.store = store_of(project)
        self.log = QueryLog.of(project)
        self._loading = threading.Lock()
        self._told = False  # that questions cannot be put on record
        self._had: set[str] = set()  # corpora that had a release: a store that is gone is no empty one
        self._roster: tuple[tuple[int, int, int], Roster | None] | None = None

    def writer(self) -> Writer:
        """By what answers are written, loaded once.

        Raises:
            MissingExtra, ModelFailed: as `writer_of` says; what is wrong with the settings is nothing that callers did.
        """
        try:
            with self._loading:
                return self._writer
        except SettingsError as error:
            raise ModelFailed(f"the model or its prompt cannot be used: {error.what}", error.mend) from error

    def warm(self) -> None:
        """Loads all models that answers need, so that nobody waits for them.

        Raises:
            ModelFailed, MissingExtra: the language model or the reranker cannot be loaded.
            EmbeddingError: an embedding model cannot be loaded, or gives another space than a release has.
            StoreError: the store cannot be read.
        """
        self.writer()
        ordering_of(self.project)
        for corpus in self.project.settings.corpora:
            if (standing := find_standing(self.store, corpus)) is not None:
                embedder_of(self.project, standing.live).embed_query("warm")

    @cached_property
    def _writer(self) -> Writer:
        return writer_of(self.project)

    def principals(self, caller: Caller, as_: Sequence[str] = ()) -> Sequence[str]:
        """Whom a caller asks as: himself, or others where he may.

        Raises:
            NotPermitted: he names others, and may not.
        """
        if as_ and not caller.may_impersonate:
            raise NotPermitted(
                "you may not ask as somebody else", "Leave `as` out, or make a token with --impersonate."
            )
        return as_ or caller.principals

    def asker(self, caller: Caller, as_: Sequence[str] = ()) -> Asker:
        """Whom a caller asks as, with the groups that the roster says now.

        That he asks as somebody else is told in the service's log.

        Raises:
            NotPermitted: he names others, and may not.
            SettingsError: a name is no principal.
            AccessCheckFailed: the roster cannot be read.
        """
        asker = asker_of(self.principals(caller, as_), self._load_roster(), datetime.now(UTC))
        if as_:
            _LOG.info("%s asks as %s", escaped(caller.name), ", ".join(map(escaped, as_)))
        return replace(asker, known_groups=frozenset()) if caller.groups_unknown else asker

    def is_owner(self, caller: Caller) -> bool:
        """Whether a caller is one of `service.owners`, by himself: whoever he may ask as has no part in it."""
        owners = set(self.project.settings.service.owners)
        return bool(owners) and not owners.isdisjoint(self.asker(caller).principals)

    def corpora(self, asker: Asker) -> list[dict[str, Any]]:
        """The corpora of which somebody may see anything: `name`, and the `release` and `published_at` of each."""
        found = []
        for corpus in self.project.settings.corpora:
            standing = self._standing(corpus, asker)
            if standing is not None:
                live = standing.live
                found.append({"name": corpus, "release": live.release, "published_at": live.published_at})
        return found

    def corpus(self, asker: Asker, name: str | None) -> str:
        """The corpus of a request: the one that it names, or the only one that whoever asks may see anything of.

        Raises:
            NotThere: there is none of this name that he may see anything of, or he names none and there are several.
        """
        if name is not None and name in self.project.settings.corpora and self._standing(name, asker) is not None:
            return name
        names = [one["name"] for one in self.corpora(asker)]
        if name is None and len(names) == 1:
            return str(names[0])
        what = "no corpus is named" if name is None else f"there is no corpus {shown(name)} that you may see"
        raise NotThere(what, f"Name one of these: {', '.join(names)}." if names else "You may see nothing yet.")

    def search(
        self, asker: Asker, corpus: str, question: str, *, mode: Mode = "hybrid", limit: int = 5,
        release: int | None = None, wanted: Wanted = NOTHING,
    ) -> Answer:  # fmt: skip
        """Finds passages, as `retrieve.search` does.

        Raises:
            SettingsError, StoreError, AccessCheckFailed: as `retrieve.search` says.
        """
        return search(
            self.store,
            corpus,
            question,
            asker=asker,
            mode=mode,
            limit=limit,
            now=datetime.now(UTC),
            embed_query=query_embedder(self.project),
            rules=tuned_rules(self.project.settings.corpora[corpus]),
            standing=None if release is None else self._standing_at(corpus, release),
            wanted=wanted,
            ordering=ordering_of(self.project),
        )

    def ask(
        self,
        asker: Asker,
        corpus: str,
        question: str,
        *,
        asked_as: Sequence[str],
        mode: str,
        release: int | None = None,
        writer: Writer | None = None,
        let_know: Callable[[str, Release], None] = lambda *_: None,
        let_go: Callable[[Sentence], None] = lambda _: None,
    ) -> Explained:
        """Answers a question, as `answers.ask.ask` does, and puts it on record.

        Args:
            mode: by what it was asked, for the record: `http`, `chat`, `mcp`, …
            writer: in place of the project's own, as one that can be ended has it.

        Raises:
            SettingsError, StoreError, AccessCheckFailed: as `answers.ask.ask` says.
        """
        if release is not None:
            self._standing_at(corpus, release)
        found = ask(
            self.project,
            self.store,
            corpus,
            question,
            asker=asker,
            writer=writer or self.writer(),
            log=self.log,
            now=datetime.now(UTC),
            asked_as=asked_as,
            release=release,
            mode=mode,
            let_know=let_know,
            let_go=let_go,
        )
        if self.log.trouble and not self._told:
            self._told = True
            _LOG.warning(self.log.trouble)
        return found

    def document(self, asker: Asker, doc_id: str, corpus: str | None = None) -> Shown:
        """The text of a document, and where its passages stand in it.

        Args:
            doc_id: as hits and citations have it.
            corpus: which one; None looks in all of them.

        Raises:
            NotThere: there is none that whoever asks may see.
        """
        names = [one["name"] for one in self.corpora(asker)] if "\0" not in doc_id else []  # no id has it
        for name in names if corpus is None else [one for one in names if one == corpus]:
            if (found := read_document(self.project, self.store, name, doc_id, asker, datetime.now(UTC))) is not None:
                return found
        raise NotThere(
            f"there is no document {shown(doc_id)} that you may see", "Give the id that came with a hit or a citation."
        )

    def visible(self, asker: Asker, corpus: str, doc_ids: Collection[str]) -> set[str]:
        """Those of some documents of a corpus that somebody may see now.

        Raises:
            StoreError, AccessCheckFailed: as `read_document` says.
        """
        return visible_ids(self.store, corpus, doc_ids, asker, datetime.now(UTC))

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Vectors of texts, by the model of the settings; shape (texts, dimension).

        Raises:
            EmbeddingError: the model cannot be loaded.
        """
        from freshet.tasks.embedding.embed import load_embedder
        from freshet.tasks.embedding.models import resolve_model

        said = self.project.settings.embedding
        return load_embedder(resolve_model(said, self.project.root), said.precision).embed(texts)

    def _standing(self, corpus: str, asker: Asker) -> Standing | None:
        """Where a corpus stands; None where whoever asks may see nothing of it, or there is nothing."""
        standing = find_standing(self.store, corpus)
        if standing is None:
            if corpus in self._had:
                raise StoreError(f"what the store had of {corpus} is not there any more", "Bring the store back.")
            return None
        self._had.add(corpus)
        sight = sight_of(self.store, corpus, asker, standing)
        # Chunks of an earlier version carry lists in place of classes: nothing is known of classes then.
        return standing if sight.classes or not sight.is_known else None

    def _standing_at(self, corpus: str, release: int) -> Standing:
        """Where a corpus stands, as if readers were back at an earlier release.

        Raises:
            NotThere: no such release was published, or it is cleaned up.
        """
        listed = [one.release for one in published_releases(list_releases(self.store, corpus))]
        if release not in listed:
            raise NotThere(f"there is no release {release} of {corpus}", "Leave `release` out for the live one.")
        return standing_at(self.store, corpus, release)

    def _load_roster(self) -> Roster | None:
        """The roster as its file is now: read anew when the file is another one."""
        said = self.project.settings.roster
        if said is None:
            return None
        try:
            looked = Path(self.project.resolve(said.file)).stat()
            seen = (looked.st_mtime_ns, looked.st_size, looked.st_ino)
            held = self._roster
            if held is None or held[0] != seen:
                held = self._roster = (seen, load_roster(self.project))
        except (OSError, SettingsError) as error:
            raise AccessCheckFailed(f"the roster cannot be read: {error}") from error
        return held[1]
