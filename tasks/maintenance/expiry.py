"""Takes away what was kept long enough: parsed texts, report pages, and what killed runs left."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from freshet.tasks.settings.spans import shifted
from freshet.tasks.store import schemas
from freshet.tasks.store.files import bytes_below, names_below, newest_below, remove
from freshet.tasks.store.predicates import in_parts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from freshet.tasks.ledger.releases import Release
    from freshet.tasks.maintenance.freed import Maintained
    from freshet.tasks.settings.maintenance import Maintenance
    from freshet.tasks.store.tables import Store

IDS_AT_ONCE = 1000
PARTIAL = (".partial-", ".left-")


def expire_elements(
    store: Store, corpus: str, settings: Maintenance, found: Maintained, now: datetime, dry_run: bool
) -> None:
    """Deletes parsed texts that no document needs any more, and those of refused documents in their turn."""
    from freshet.tasks.store.commits import delete_rows

    tables = store.corpus(corpus)
    table, ledger = tables.find(schemas.ELEMENTS), tables.find(schemas.DOCUMENTS)
    if table is None or ledger is None:
        return
    served, refused = _contents_in_use(ledger)
    gone: dict[str, list[str]] = {"elements": [], "quarantine": []}
    for batch in table.search().select(["element_id", "content_hash", "parser", "kept_at"]).to_batches():
        columns = (batch[name].to_pylist() for name in ("element_id", "content_hash", "parser", "kept_at"))
        for element, content, parser, at in zip(*columns, strict=True):
            if (content, parser) in served:
                continue
            waits = content in refused
            if at < shifted(now, -(settings.keep_quarantine if waits else settings.keep_elements)):
                gone["quarantine" if waits else "elements"].append(element)
    for kind, ids in gone.items():
        size = 0
        for predicate in in_parts("element_id", ids, IDS_AT_ONCE):
            size += _payload_bytes(table, predicate)
            if not dry_run:
                delete_rows(table, predicate)
        found.add(kind, f"corpora/{corpus}/elements", len(ids), size)  # type: ignore[arg-type]


def _contents_in_use(ledger: object) -> tuple[set[tuple[str, str]], set[str]]:
    """Content and parser of what is served; contents that wait in quarantine."""
    served, refused = set(), set()
    columns = ["content_hash", "seen_hash", "parser"]
    for batch in ledger.search().select(columns).to_batches():  # type: ignore[attr-defined]
        for content, seen, parser in zip(*(batch[name].to_pylist() for name in columns), strict=True):
            # Of a refused version the ledger's parser is that of the refusal, followed by the limits it ran into.
            if content is not None:
                served.add((content, parser.partition("|")[0]))
            if seen is not None and seen != content:
                refused.add(seen)
    return served, refused


def _payload_bytes(table: object, where: str) -> int:
    import pyarrow.compute as pc

    batches = table.search().where(where).select(["payload"]).to_batches()  # type: ignore[attr-defined]
    return sum(pc.sum(pc.binary_length(batch["payload"])).as_py() or 0 for batch in batches)


def expire_reports(
    store: Store, corpus: str, releases: Sequence[Release], settings: Maintenance, found: Maintained, now: datetime,
    dry_run: bool,
) -> None:  # fmt: skip
    """Deletes the report pages of runs that ended long ago, but those on the live release and the last decision."""
    from freshet.tasks.ledger.ended import list_ended
    from freshet.tasks.ledger.releases import gate_decisions, live_release, made_by

    shown = (live_release(releases), *gate_decisions(releases)[:1])
    kept = {made_by(releases, one).run_id for one in shown if one is not None}
    ended = {row["run_id"]: row["ended_at"] for row in list_ended(store, "corpus", corpus)}
    folder = f"{store.address}/reports/{corpus}"
    count = size = 0
    for run in names_below(folder):
        at = ended.get(run) or newest_below(f"{folder}/{run}")
        if run in kept or at is None or at >= shifted(now, -settings.keep_reports):
            continue
        count, size = count + 1, size + bytes_below(f"{folder}/{run}")
        if not dry_run:
            remove(f"{folder}/{run}")
    found.add("reports", f"reports/{corpus}", count, size)


def work_of_dead_runs(store: Store, name: str) -> Iterator[str]:
    """What a killed run left in its work folder. Call it within the writer's lock, under which nobody works there."""
    folder = store.work_folder(name)
    if folder.is_dir() and any(folder.iterdir()):
        yield str(folder)


def partial_exports(store: Store, dataset: str) -> Iterator[str]:
    """Folders of exports that a killed build left half written."""
    folder = store.export_folder(dataset)
    if store.is_local:
        for name in names_below(folder):
            if name.startswith(PARTIAL):
                yield f"{folder}/{name}"


def clear_leftovers(store: Store, folders: Iterator[str], found: Maintained, dry_run: bool) -> None:
    """Deletes what killed runs left."""
    root = Path(store.address) if store.is_local else None
    for folder in folders:
        where = str(Path(folder).relative_to(root)) if root and Path(folder).is_relative_to(root) else folder
        found.add("leftovers", where, 1, bytes_below(folder))
        if not dry_run:
            remove(folder)
