"""What only the whole corpus can tell of its documents: duplicates, links that lead nowhere, floods.

Comes after the batches, and prepares more of the same form: ledger rows, and chunks of documents that return.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from freshet.tasks.documents.batch import PreparedBatch, leave_batch
from freshet.tasks.documents.links.external import CheckedLink
from freshet.tasks.documents.planning.refresh import BATCH_DOCUMENTS, HASHED_DOCUMENTS, batches_of
from freshet.tasks.documents.rows import Row, chunk_rows, hidden_row, returned_row
from freshet.tasks.documents.surroundings import Surroundings
from freshet.tasks.ledger.access_classes import list_classes, once_published
from freshet.tasks.runs.timing import Stopwatch
from freshet.tasks.store import schemas
from freshet.tasks.store.commits import delete_rows, merge_rows
from freshet.tasks.store.predicates import in_parts, is_any

if TYPE_CHECKING:
    import pyarrow as pa
    from lancedb.table import Table

    from freshet.tasks.documents.duplicates.find import Duplicate, DuplicateChanges
    from freshet.tasks.documents.links.dead import Covers
    from freshet.tasks.embedding.tokens import Tokenizer
    from freshet.tasks.rules.verdicts import Verdict
    from freshet.tasks.runs.run import RefreshRun
    from freshet.tasks.store.tables import Tables

MAY_SERVE = "content_hash IS NOT NULL"
EXPIRING = ("blocked_after", "valid_until")
"""Moments of the ledger from which a document may not be shown."""


def hide_duplicates(run: RefreshRun, tokenizer: Tokenizer) -> list[PreparedBatch]:
    """Hides documents that became duplicates and brings back those that are none any more; empty where none did.

    A hidden document has no chunks: the one that it is a duplicate of answers for it.
    """
    from freshet.tasks.documents.duplicates.find import DOCUMENT_COLUMNS, update_duplicates
    from freshet.tasks.settings.addresses import source_name

    watch = Stopwatch()
    tables = run.store.corpus(run.corpus)
    ledger = tables.find(schemas.DOCUMENTS)
    if ledger is None:
        return []
    with watch("duplicates"):
        columns = [*DOCUMENT_COLUMNS, *EXPIRING]
        documents = _serving(ledger.search().where(MAY_SERVE).select(columns).to_arrow(), run)
        priorities = {source_name(source): rank for rank, source in enumerate(run.settings.sources)}
        expressions = once_published(list_classes(run.store, run.corpus))
        changes = update_duplicates(
            tables, documents.select(DOCUMENT_COLUMNS), priorities, expressions, _threshold(run)
        )
    left = [
        leave_batch(run, f"duplicates-{number}", rows, chunks, {}, Stopwatch())
        for number, (rows, chunks) in enumerate(_changed_rows(run, ledger, changes, tokenizer))
    ]
    return _timed(left, watch)


def _timed(batches: Sequence[PreparedBatch], watch: Stopwatch) -> list[PreparedBatch]:
    """The batches, the first of which has what all of them took."""
    return [replace(one, seconds={} if number else watch.seconds) for number, one in enumerate(batches)]


def is_due(run: RefreshRun) -> bool:
    """Whether duplicates are to be settled although no document has changed: time has passed, or the rule is another.

    Costs a look at a few columns.
    """
    from freshet.tasks.documents.duplicates.find import rule_name

    table = run.store.corpus(run.corpus).find(schemas.DUPLICATES)
    rule = rule_name(_threshold(run))
    return table is not None and (table.count_rows(f"rule != '{rule}'") > 0 or _kept_have_expired(run))


def _threshold(run: RefreshRun) -> float:
    from freshet.tasks.rules.rulebook import tuned_rules

    near = tuned_rules(run.settings).get("DUP-NEAR")
    return near.threshold if near and near.threshold else 1.0


def _kept_have_expired(run: RefreshRun) -> bool:
    """Whether a document that answers for others is past the moment from which it may not be shown.

    Time alone brings that about, so that nothing else in a refresh would tell.
    """
    import pyarrow.compute as pc

    ledger = run.store.corpus(run.corpus).find(schemas.DOCUMENTS)
    if ledger is None:
        return False
    hidden = ledger.search().where("duplicate_of IS NOT NULL").select(["duplicate_of", *EXPIRING]).to_arrow()
    if not hidden.num_rows:
        return False
    kept = ledger.search().where(MAY_SERVE).select(["doc_id", *EXPIRING]).to_arrow()
    answering = kept.filter(pc.is_in(kept["doc_id"], value_set=_serving(hidden, run)["duplicate_of"].combine_chunks()))
    return bool(_serving(answering, run).num_rows < answering.num_rows)


def _serving(documents: pa.Table, run: RefreshRun) -> pa.Table:
    """Those that are not past the moment from which they may not be shown: they can answer for no other."""
    import pyarrow as pa
    import pyarrow.compute as pc

    now = pa.scalar(run.as_of, pa.timestamp("us", tz="UTC"))
    for column in EXPIRING:
        documents = documents.filter(pc.fill_null(pc.greater_equal(documents[column], now), True))
    return documents


def _changed_rows(
    run: RefreshRun, ledger: Table, changes: DuplicateChanges, tokenizer: Tokenizer
) -> Iterator[tuple[list[Row], list[Row]]]:
    """In batches, ledger rows of the documents concerned, and chunks of those that return, from their kept parse."""
    from freshet.tasks.documents.chunking.chunk import chunk_document
    from freshet.tasks.documents.elements import from_json

    for held in _held(ledger, sorted(changes.hidden)):
        hidden = [_hidden_row(run, row, changes.hidden[row["doc_id"]]) for row in held]
        yield [{**row, "replace": True} for row in hidden], []
    for held in _held(ledger, sorted(changes.returned)):
        # Their texts are read, as when they were prepared: so many at a time as then.
        for start, length in batches_of([row["size"] for row in held], BATCH_DOCUMENTS):
            part, rows, chunks = held[start : start + length], [], []
            parsed = _parsed(run, part)
            for one in part:
                content = from_json(parsed[one["doc_id"]])
                cut = chunk_document(one["doc_id"], content, tokenizer, run.settings.chunking)
                around = Surroundings.of(content, one["path"])
                made = chunk_rows(one["doc_id"], cut, one["access"], around, run.model, tokenizer)
                rows.append({**returned_row(run, one, made), "replace": True})
                chunks += made
            yield rows, chunks


def _held(ledger: Table, doc_ids: Sequence[str]) -> Iterator[list[Row]]:
    """Rows of the ledger in the order of the ids, HASHED_DOCUMENTS at a time."""
    for predicate in in_parts("doc_id", doc_ids, HASHED_DOCUMENTS):
        yield sorted(ledger.search().where(predicate).to_list(), key=lambda row: str(row["doc_id"]))


def _hidden_row(run: RefreshRun, held: Row, duplicate: Duplicate) -> Row:
    from freshet.tasks.rules.verdicts import verdict

    if duplicate.similarity is None:
        why = verdict("DUP-EXACT", kept=duplicate.kept)
    else:
        why = verdict("DUP-NEAR", kept=duplicate.kept, similarity=round(duplicate.similarity, 3))
    return hidden_row(run, held, duplicate.kept, why)


def _parsed(run: RefreshRun, rows: Sequence[Row]) -> dict[str, str]:
    """Kept parses by doc_id: by the document's own parser, since equal bytes under another suffix read otherwise.

    Where a newer version waits in quarantine, the ledger names the parser of that one; then any of the content.
    """
    from freshet.tasks.documents.keep import element_id, find_parsed, find_parsed_by_content

    tables = run.store.corpus(run.corpus)
    keys = {row["doc_id"]: element_id(row["content_hash"], row["parser"]) for row in rows}
    kept = find_parsed(tables, sorted(set(keys.values())))
    rest = {row["doc_id"]: row["content_hash"] for row in rows if keys[row["doc_id"]] not in kept}
    by_content = find_parsed_by_content(tables, sorted(set(rest.values()))) if rest else {}
    return {i: by_content[rest[i]] if i in rest else kept[key] for i, key in keys.items()}


def note_floods(run: RefreshRun) -> list[PreparedBatch]:
    """Notes which documents are several of one source that answer one question; empty where nothing changed."""
    from freshet.tasks.documents.corpus_findings import FLOODING
    from freshet.tasks.documents.flooding.find import DOCUMENT_COLUMNS, find_flooding
    from freshet.tasks.rules.rulebook import tuned_rules
    from freshet.tasks.rules.verdicts import Verdict

    tables = run.store.corpus(run.corpus)
    ledger = tables.find(schemas.DOCUMENTS)
    if ledger is None:
        return []
    documents = ledger.search().select(DOCUMENT_COLUMNS).to_arrow()
    rule = tuned_rules(run.settings).get(FLOODING)
    found: dict[str, list[Verdict]] = {}
    if rule and rule.threshold:
        flooded = find_flooding(tables, documents, run.model.space, rule.threshold)
        found = {doc_id: [Verdict(FLOODING, rule.severity, one.evidence)] for doc_id, one in flooded.items()}
    return [
        leave_batch(run, f"floods-{number}", rows, [], {}, Stopwatch())
        for number, rows in enumerate(_restated_rows(ledger, documents["doc_id"], found, [FLOODING]))
    ]


def note_dead_links(
    run: RefreshRun, covers: Covers, skipped: Mapping[tuple[str, str], str], ask_web: bool
) -> list[PreparedBatch]:
    """Notes, beside their other verdicts, which documents link to what is not there; empty where nothing changed.

    Args:
        covers: (source, path) → whether the source would take such a path.
        skipped: files that exist and are no documents, by (source, path).
        ask_web: ask the hosts of external links; their verdicts stay as they are otherwise.
    """
    from freshet.tasks.documents.links.dead import find_dead_links, forgotten_rows
    from freshet.tasks.documents.links.external import external_findings
    from freshet.tasks.rules.rulebook import retuned, tuned_rules

    watch = Stopwatch()
    tables = run.store.corpus(run.corpus)
    ledger, table = tables.find(schemas.DOCUMENTS), tables.find(schemas.LINKS)
    if ledger is None or table is None:
        return []
    rules, left = tuned_rules(run.settings), list[PreparedBatch]()
    with watch("links"):
        documents = ledger.search().select(["doc_id", "source", "path"]).to_arrow()
        codes, bad = ["PROV-LINK"], list[CheckedLink]()
        if ask_web:
            codes += ["PROV-LINK-EXTERNAL", "PROV-LINK-REFUSED"]
            bad = _ask_web(run, tables, table, documents)
        for judged in find_dead_links(documents, table, covers, list(skipped)):
            found = {doc_id: [dead] for doc_id, dead in judged.dead.items()}
            for doc_id, verdicts in external_findings(judged.documents, bad).items():
                found.setdefault(doc_id, []).extend(verdicts)
            tuned = {doc_id: retuned(verdicts, rules) for doc_id, verdicts in found.items()}
            for rows in _restated_rows(ledger, judged.documents["doc_id"], tuned, codes):
                left.append(leave_batch(run, f"links-{len(left)}", rows, [], {}, Stopwatch()))
        forgotten = forgotten_rows(documents, table)
    for predicate in in_parts("doc_id", forgotten):
        delete_rows(table, predicate)
    return _timed(left, watch)


def _restated_rows(
    ledger: Table, judged: pa.ChunkedArray, found: Mapping[str, Sequence[Verdict]], codes: Collection[str]
) -> Iterator[list[Row]]:
    """Rows of the ledger, of documents that were judged, of which what was found is news; in batches."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from freshet.tasks.documents.corpus_findings import restated_verdicts

    restated: dict[str, str] = {}
    ids = judged.combine_chunks()
    for batch in ledger.search().select(["doc_id", "verdicts"]).to_batches():
        of_judged = pa.Table.from_batches([batch.filter(pc.is_in(batch["doc_id"], value_set=ids))])
        restated |= restated_verdicts(of_judged, found, codes)
    for held in _held(ledger, sorted(restated)):
        yield [{**row, "verdicts": restated[row["doc_id"]], "replace": False} for row in held]


def _ask_web(run: RefreshRun, tables: Tables, links: Table, documents: pa.Table) -> list[CheckedLink]:
    """Asks the external links of documents that are due, keeps the answers, and returns the links that are bad now."""
    import pyarrow as pa

    from freshet.tasks.documents.links.external import LinkLimits, check_links, links_to_check

    table, limits = tables.open(schemas.EXTERNAL_LINKS, schemas.external_links()), LinkLimits()
    due = links_to_check(links, documents["doc_id"].combine_chunks(), table, limits, run.as_of)
    known = {row["url"]: CheckedLink(**row) for row in table.search().where(is_any("url", due)).to_list()}
    checked = check_links(due, known, limits, run.as_of)
    if checked:
        rows = pa.Table.from_pylist([vars(one) for one in checked], schema=schemas.external_links())
        merge_rows(table, "url", rows)
    return [CheckedLink(**row) for row in table.search().where(is_any("state", ["gone", "refused"])).to_list()]
