"""What only the whole corpus can tell of its documents: duplicates, links that lead nowhere, floods.

Comes after the batches, and prepares one more of the same form: ledger rows, and chunks of documents that return.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from freshet.tasks.documents.batch import PreparedBatch, leave_batch
from freshet.tasks.documents.rows import Row, chunk_rows, hidden_row, returned_row
from freshet.tasks.ledger.access_classes import list_classes, once_published
from freshet.tasks.runs.timing import Stopwatch
from freshet.tasks.store import schemas
from freshet.tasks.store.commits import delete_rows, merge_rows
from freshet.tasks.store.predicates import is_any

if TYPE_CHECKING:
    import pyarrow as pa
    from lancedb.table import Table

    from freshet.tasks.documents.duplicates.find import DuplicateChanges
    from freshet.tasks.documents.links.dead import Covers
    from freshet.tasks.embedding.tokens import Tokenizer
    from freshet.tasks.rules.verdicts import Verdict
    from freshet.tasks.runs.run import RefreshRun
    from freshet.tasks.store.tables import Tables

MAY_SERVE = "content_hash IS NOT NULL"
EXPIRING = ("blocked_after", "valid_until")
"""Moments of the ledger from which a document may not be shown."""


def hide_duplicates(run: RefreshRun, tokenizer: Tokenizer) -> PreparedBatch | None:
    """Hides documents that became duplicates and brings back those that are none any more; None where none did.

    A hidden document has no chunks: the one that it is a duplicate of answers for it.
    """
    from freshet.tasks.documents.duplicates.find import DOCUMENT_COLUMNS, update_duplicates
    from freshet.tasks.settings.addresses import source_name

    watch = Stopwatch()
    tables = run.store.corpus(run.corpus)
    ledger = tables.find(schemas.DOCUMENTS)
    if ledger is None:
        return None
    with watch("duplicates"):
        columns = [*DOCUMENT_COLUMNS, *EXPIRING]
        documents = _serving(ledger.search().where(MAY_SERVE).select(columns).to_arrow(), run)
        priorities = {source_name(source): rank for rank, source in enumerate(run.settings.sources)}
        expressions = once_published(list_classes(run.store, run.corpus))
        changes = update_duplicates(
            tables, documents.select(DOCUMENT_COLUMNS), priorities, expressions, _threshold(run)
        )
    if changes.is_empty:
        return None
    rows, chunks = _changed_rows(run, ledger, changes, tokenizer)
    return leave_batch(run, "duplicates", rows, chunks, {}, watch)


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
) -> tuple[list[Row], list[Row]]:
    """Ledger rows of the documents concerned, and the chunks of those that return, from their kept parse."""
    from freshet.tasks.documents.chunking.chunk import chunk_document
    from freshet.tasks.documents.elements import from_json
    from freshet.tasks.rules.verdicts import verdict

    concerned = sorted({*changes.hidden, *changes.returned})
    held = {row["doc_id"]: row for row in ledger.search().where(is_any("doc_id", concerned)).to_list()}
    rows: list[Row] = []
    for doc_id, duplicate in sorted(changes.hidden.items()):
        kept = duplicate.kept
        why = (
            verdict("DUP-EXACT", kept=kept)
            if duplicate.similarity is None
            else verdict("DUP-NEAR", kept=kept, similarity=round(duplicate.similarity, 3))
        )
        rows.append({**hidden_row(run, held[doc_id], kept, why), "replace": True})
    parsed = _parsed(run, [held[doc_id] for doc_id in changes.returned])
    chunks: list[Row] = []
    for doc_id in sorted(changes.returned):
        cut = chunk_document(doc_id, from_json(parsed[doc_id]), tokenizer, run.settings.chunking)
        made = chunk_rows(doc_id, cut, held[doc_id]["access"])
        rows.append({**returned_row(run, held[doc_id], made), "replace": True})
        chunks += made
    return rows, chunks


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


def note_floods(run: RefreshRun) -> PreparedBatch | None:
    """Notes which documents are several of one source that answer one question; None where nothing changed."""
    from freshet.tasks.documents.corpus_findings import FLOODING, restated_verdicts
    from freshet.tasks.documents.flooding.find import DOCUMENT_COLUMNS, find_flooding
    from freshet.tasks.rules.rulebook import tuned_rules
    from freshet.tasks.rules.verdicts import Verdict

    tables = run.store.corpus(run.corpus)
    ledger = tables.find(schemas.DOCUMENTS)
    if ledger is None:
        return None
    documents = ledger.search().select([*DOCUMENT_COLUMNS, "verdicts"]).to_arrow()
    rule = tuned_rules(run.settings).get(FLOODING)
    found: dict[str, list[Verdict]] = {}
    if rule and rule.threshold:
        flooded = find_flooding(tables, documents.select(DOCUMENT_COLUMNS), run.model.space, rule.threshold)
        found = {doc_id: [Verdict(FLOODING, rule.severity, one.evidence)] for doc_id, one in flooded.items()}
    restated = restated_verdicts(documents, found, [FLOODING])
    if not restated:
        return None
    rows: list[dict[str, Any]] = ledger.search().where(is_any("doc_id", sorted(restated))).to_list()
    rows = [{**row, "verdicts": restated[row["doc_id"]], "replace": False} for row in rows]
    return leave_batch(run, "floods", rows, [], {}, Stopwatch())


def note_dead_links(
    run: RefreshRun, covers: Covers, skipped: Mapping[tuple[str, str], str], ask_web: bool
) -> PreparedBatch | None:
    """Notes, beside their other verdicts, which documents link to what is not there; None where nothing changed.

    Args:
        covers: (source, path) → whether the source would take such a path.
        skipped: files that exist and are no documents, by (source, path).
        ask_web: ask the hosts of external links; their verdicts stay as they are otherwise.
    """
    import pyarrow.compute as pc

    from freshet.tasks.documents.corpus_findings import restated_verdicts
    from freshet.tasks.documents.links.dead import find_dead_links, forgotten_rows
    from freshet.tasks.rules.rulebook import retuned, tuned_rules

    watch = Stopwatch()
    tables = run.store.corpus(run.corpus)
    ledger, table = tables.find(schemas.DOCUMENTS), tables.find(schemas.LINKS)
    if ledger is None or table is None:
        return None
    with watch("links"):
        documents = ledger.search().select(["doc_id", "source", "path", "verdicts"]).to_arrow()
        links = table.to_arrow()
        found = {doc_id: [dead] for doc_id, dead in find_dead_links(documents, links, covers, list(skipped)).items()}
        codes = ["PROV-LINK"]
        if ask_web:
            codes += ["PROV-LINK-EXTERNAL", "PROV-LINK-REFUSED"]
            live = links.filter(pc.is_in(links["doc_id"], value_set=documents["doc_id"].combine_chunks()))
            for doc_id, verdicts in _ask_web(run, tables, live).items():
                found.setdefault(doc_id, []).extend(verdicts)
        rules = tuned_rules(run.settings)
        found = {doc_id: retuned(verdicts, rules) for doc_id, verdicts in found.items()}
        restated = restated_verdicts(documents, found, codes)
        forgotten = forgotten_rows(documents, links)
    if forgotten:
        delete_rows(table, is_any("doc_id", forgotten))
    if not restated:
        return None
    rows: list[dict[str, Any]] = ledger.search().where(is_any("doc_id", sorted(restated))).to_list()
    rows = [{**row, "verdicts": restated[row["doc_id"]], "replace": False} for row in rows]
    return leave_batch(run, "links", rows, [], {}, watch)


def _ask_web(run: RefreshRun, tables: Tables, links: pa.Table) -> dict[str, list[Verdict]]:
    """Verdicts on external links, by doc_id, after asking those that are due; the answers are kept."""
    import pyarrow as pa

    from freshet.tasks.documents.links.external import (
        CheckedLink,
        LinkLimits,
        check_links,
        external_findings,
        links_to_check,
    )

    table, limits = tables.open(schemas.EXTERNAL_LINKS, schemas.external_links()), LinkLimits()
    known = {row["url"]: CheckedLink(**row) for row in table.search().to_list()}
    checked = check_links(links_to_check(links, known, limits, run.as_of), known, limits, run.as_of)
    if checked:
        rows = pa.Table.from_pylist([vars(one) for one in checked], schema=schemas.external_links())
        merge_rows(table, "url", rows)
    return external_findings(links, (known | {one.url: one for one in checked}).values())
