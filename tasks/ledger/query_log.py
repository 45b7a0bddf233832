"""The `query_log` table of the ledger: what is kept of each question, as `query_log` of the settings says.

Events are written into a file of the process (`query_spool`), which costs an answer next to nothing and can never fail
it; maintenance folds the files into the table. Whoever reads sees both.
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from freshet.tasks.errors import FreshetError, SettingsError, StoreError
from freshet.tasks.governance.secret_key import SecretKey, need_key
from freshet.tasks.ledger import query_spool
from freshet.tasks.ledger.query_events import (
    Asked,
    Ended,
    Event,
    Feedback,
    event_of,
    first_id,
    is_id,
    key_of,
    line_of,
    new_id,
    row_of,
)
from freshet.tasks.ledger.query_reading import read_log
from freshet.tasks.runs.run import store_of
from freshet.tasks.settings.project import EVERYONE
from freshet.tasks.store import schemas
from freshet.tasks.store.commits import delete_rows, insert_all_new, see_whole, update_rows
from freshet.tasks.store.locks import hold_query_log
from freshet.tasks.store.predicates import is_any, sorts_within
from freshet.tasks.text.normalise import normalise
from freshet.tasks.text.redaction import redacted

if TYPE_CHECKING:
    from freshet.tasks.settings.file import Project
    from freshet.tasks.store.tables import Store

__all__ = ["Asked", "Ended", "Feedback", "Folded", "QueryLog", "expire", "fold", "forget_hashes", "read_log"]

LONGEST = 2000
"""Characters of a question or note that are kept at most, unless all of the question is to be kept."""

ROWS_AT_ONCE = 10_000
"""Events that are folded in one commit."""

PATIENCE = timedelta(minutes=1)
"""How long a fold waits for another one."""


class QueryLog:
    """Writes the events of this process. It touches nothing before the first one, and may be used by several threads.

    Attributes:
        unwritten: events that could not be written.
        trouble: why the first of them could not be, or why hashes are missing, for whoever runs Freshet; None where
            all is well.
    """

    def __init__(self, project: Project, store: Store) -> None:
        """Opens nothing."""
        self.unwritten = 0
        self.trouble: str | None = None
        self._store, self._root, self._kept = store, project.root, project.settings.query_log.questions
        self._regions = sorted({region for one in project.settings.corpora.values() for region in one.regions})
        self._name = query_spool.new_name()
        self._key: SecretKey | None = None
        self._counting = threading.Lock()

    @classmethod
    def of(cls, project: Project) -> QueryLog:
        """The log of a project; open it once a process."""
        return cls(project, store_of(project))

    def asked(
        self, corpus: str, question: str, principals: Iterable[str], model: str, release: int, *, mode: str = "ask"
    ) -> str:
        """Records that a question was asked, and never fails for a file that cannot be written.

        Args:
            principals: whom it was asked as.
            mode: by what it was asked.

        Returns:
            The question's id, for `ended` and `feedback`.
        """
        now = datetime.now(UTC)
        asker, same, key_id = self._hashes(question, principals)
        asked = Asked(
            id=new_id(now),
            corpus=corpus,
            asked_at=now,
            asker=asker,
            question=_plain(question) if self._kept == "full" else self._bounded(question),
            question_hash=same,
            key_id=key_id,
            model=model,
            mode=mode,
            release=release,
        )
        self._write(asked)
        return asked.id

    def ended(
        self,
        id: str,
        *,
        corpus: str,
        outcome: str,
        reason: str | None = None,
        findings: Mapping[str, int] | None = None,
        sentences: int = 0,
        support: float | None = None,
        cited: Iterable[str] = (),
        passages: int = 0,
        left_out: int = 0,
        best_score: float | None = None,
        floor: float | None = None,
        seconds: float = 0.0,
        prompt: str | None = None,
        prompt_tokens: int | None = None,
        completion_tokens: int | None = None,
    ) -> None:
        """Records what came of a question, in the way of `asked`; `Ended` says what the values are."""
        self._write(
            Ended(
                id=id, corpus=corpus, ended_at=datetime.now(UTC), outcome=outcome, reason=reason,
                findings=dict(findings or {}), sentences=sentences, support=_finite(support),
                cited=tuple(dict.fromkeys(cited)), passages=passages, left_out=left_out,
                best_score=_finite(best_score), floor=_finite(floor), seconds=_finite(seconds) or 0.0, prompt=prompt,
                prompt_tokens=prompt_tokens, completion_tokens=completion_tokens,
            )
        )  # fmt: skip

    def feedback(self, id: str, helpful: bool, note: str | None = None) -> bool:
        """Records whether an answer helped, in the way of `asked`. The newest that is said of a question counts.

        Returns:
            Whether it is on record.

        Raises:
            SettingsError: the id is no id of a question.
        """
        if not is_id(id):
            raise SettingsError(f"{id[:80]!r} is no id of a question", "Give the id that came with the answer.")
        said = None if not note else _plain(note)[:LONGEST] if self._kept == "full" else self._bounded(note)
        return self._write(Feedback(id=id, given_at=datetime.now(UTC), helpful=helpful, note=said))

    def _bounded(self, text: str) -> str | None:
        # What is cut off was looked at as well: half an address would not be known for one.
        return None if self._kept == "hashed" else redacted(_plain(text), self._regions)[:LONGEST]

    def _hashes(self, question: str, principals: Iterable[str]) -> tuple[str | None, str | None, str | None]:
        key = self._find_key()
        if key is None:
            return None, None, None
        whom = sorted(set(principals) - {EVERYONE})
        asker = key.hash("asker", json.dumps(whom)) if whom else ""
        return asker, key.hash("question", normalise(question) or question), key.id

    def _find_key(self) -> SecretKey | None:
        if self._key is None:
            try:
                self._key = need_key(self._root)
            except SettingsError as error:
                self._tell(error)
        return self._key

    def _write(self, event: Event) -> bool:
        try:
            query_spool.append(self._store, self._name, line_of(event))
            return True
        except (OSError, StoreError) as error:
            with self._counting:
                self.unwritten += 1
            self._tell(error)
            query_spool.note_unwritten(self._store)
            return False

    def _tell(self, error: OSError | FreshetError) -> None:
        if self.trouble is None:
            why = error.what if isinstance(error, FreshetError) else error.strerror or type(error).__name__
            self.trouble = f"the question is not in the query log as it should be: {why}"


def _plain(text: str) -> str:
    """The text without what no table can hold: half of a pair of code units, as a broken argument of a command has."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _finite(number: float | None) -> float | None:
    return float(number) if number is not None and math.isfinite(number) else None


@dataclass(frozen=True)
class Folded:
    """What came of folding.

    Attributes:
        events: that are in the table now.
        files: that were folded and are gone.
        cut: lines that were cut short or altered, and are lost.
        left: files that belong to somebody else, and stay.
        unwritten: events that this user's processes could not write since the last fold.
    """

    events: int = 0
    files: int = 0
    cut: int = 0
    left: int = 0
    unwritten: int = 0


def fold(store: Store) -> Folded:
    """Brings the events of all processes on this machine into the table. Stopped anywhere, it loses and doubles none.

    Raises:
        CorpusBusy: another fold took longer than `PATIENCE`.
        OSError: a file cannot be read or removed.
    """
    if not query_spool.list_files(store):
        return Folded(unwritten=query_spool.forget_unwritten(store))
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    read: list[Path] = []
    events = cut = 0
    with hold_query_log(store, PATIENCE):
        files, left = query_spool.take_files(store)
        for path in files:
            for line in query_spool.lines_of(path):
                event = event_of(line)
                if event is None:
                    cut += 1
                    continue
                row = row_of(event)
                rows[key_of(row)] = row
                if len(rows) >= ROWS_AT_ONCE:
                    events += _insert(store, rows)
            read.append(path)
        events += _insert(store, rows)
        for path in read:
            query_spool.remove_file(path)
    return Folded(events, len(files), cut, left, query_spool.forget_unwritten(store))


def _insert(store: Store, rows: dict[tuple[Any, ...], dict[str, Any]]) -> int:
    """Puts rows into the table, but for those that are in it already, and empties `rows`."""
    count = len(rows)
    if rows:
        keys = ("id", "event", "at")
        insert_all_new(store.ledger, schemas.QUERY_LOG, schemas.query_log(), keys, list(rows.values()))
        rows.clear()
    return count


def expire(store: Store, before: datetime, *, dry_run: bool = False) -> int:
    """Takes questions that were asked before a moment out of the table, with all their events.

    Their texts are in no file of the table's newest version then; cleaning up takes the former ones away.

    Returns:
        How many questions went, or would go.

    Raises:
        CorpusBusy: another fold took longer than `PATIENCE`.
        ConcurrentWriter: somebody else wrote to the table.
    """
    old = sorts_within("id", "", first_id(before))
    table = store.ledger.find(schemas.QUERY_LOG)
    if table is None:
        return 0
    count = len({row["id"] for row in store.ledger.rows(schemas.QUERY_LOG, old, ["id"])})
    if not dry_run:
        with hold_query_log(store, PATIENCE):
            delete_rows(table, old)
            # By itself Lance leaves rows that were deleted in the files until they are many; so would a kill just here.
            if any(fragment.num_deletions for fragment in table.to_lance().get_fragments()):
                table.to_lance().optimize.compact_files(materialize_deletions_threshold=0.0, num_threads=1)
                see_whole(table.to_lance())
    return count


def forget_hashes(store: Store, key_ids: Iterable[str]) -> int:
    """Takes the hashes by keys out of the table, and returns of how many questions."""
    with hold_query_log(store, PATIENCE):
        table = store.ledger.find(schemas.QUERY_LOG)
        if table is None:
            return 0
        return update_rows(table, is_any("key_id", key_ids), dict.fromkeys(("asker", "question_hash", "key_id"), None))
