"""Traces of what fine-tuning datasets hold: from an example back to its bytes, from bytes forward to every version."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from freshet.tasks.errors import StoreError
from freshet.tasks.governance.expressions import Expression
from freshet.tasks.ledger.versions import list_versions, live_among, published_versions
from freshet.tasks.lineage.relation import version_id
from freshet.tasks.store import schemas
from freshet.tasks.store.predicates import both, equals, is_any

if TYPE_CHECKING:
    from freshet.tasks.store.tables import Store

Found = dict[str, Any]

_OF_A_VERSION = ("dataset", "version", "digest", "table_version", "rejected_version", "exports")


def dataset_versions(store: Store, dataset: str | None = None) -> list[Found]:
    """Published versions that have not expired, the highest number first.

    Each has `dataset`, `version`, `digest`, `table_version`, `rejected_version`, `live`, `exports` and `settings`.
    """
    every = list_versions(store, dataset)
    live = [live_among([one for one in every if one.dataset == name]) for name in sorted({v.dataset for v in every})]
    return [
        {
            **{name: getattr(one, name) for name in _OF_A_VERSION},
            "live": one in live,
            "settings": one.facts.settings,
        }
        for one in published_versions(every)
    ]


def find_example(store: Store, example_id: str, dataset: str | None) -> Found | None:
    """The trace of an example by its id, in whichever dataset has it; None where none has, in any version."""
    return _trace_example(store, "example_id", example_id, dataset)


def find_digest(store: Store, digest: str, dataset: str | None) -> Found | None:
    """The trace of the example with these contents: of one that is kept, or else of one that was rejected."""
    return _trace_example(store, "digest", digest, dataset) or _trace_rejected(store, digest, dataset)


def find_line(store: Store, dataset: str, number: str, split: str, line: int) -> Found | None:
    """The trace of the example in a line, from 1, of a version's exports; None where there is no such line."""
    version = next((one for one in dataset_versions(store, dataset) if one["version"] == number), None)
    if version is None:
        return None
    try:
        table = store.dataset(dataset).at(schemas.EXAMPLES, version["table_version"])
    except StoreError:
        return None
    # Exports are written in the order of the table, each side by itself.
    query = table.search().where(equals("split", split)).select(["example_id"])
    rows = query.offset(line - 1).limit(1).to_list()
    return find_example(store, rows[0]["example_id"], dataset) if rows else None


def _trace_example(store: Store, column: str, value: str, dataset: str | None) -> Found | None:
    found: Found | None = None
    for version in dataset_versions(store, dataset):
        if found is not None and version["dataset"] != found["dataset"]:
            continue
        row = _look_up(store, version, schemas.EXAMPLES, version["table_version"], equals(column, value))
        if row is None:
            continue
        if found is None:
            found = _describe(store, row, version)
        found["versions"].append({**_brief(version), "split": row["split"]})
    return found


def _look_up(store: Store, version: Found, name: str, at: int, where: str) -> Found | None:
    try:
        table = store.dataset(version["dataset"]).at(name, at)
    except StoreError:
        return None  # Its retention is over: the relation still knows its files and documents.
    held = [one for one in table.schema.names if one not in ("content", "raw")]
    rows: list[Found] = table.search().where(where).select(held).limit(1).to_list()
    return rows[0] if rows else None


def _describe(store: Store, row: Found, version: Found) -> Found:
    settings = version["settings"]
    return {
        "thing": "example",
        "dataset": version["dataset"],
        "example_id": row["example_id"],
        "digest": row["digest"],
        "split": row["split"],
        "origins": [_origin(store, one) for one in row["origins"]],
        "transforms": row["transforms"],
        "licence": row["licence"],
        "owner": row["owner"],
        "policy": {
            "training": "training" in row["uses"],
            "uses": row["uses"],
            "acl": access_of(row).said,
            "audience": settings.get("audience", []),
            "licences": settings.get("licences", []),
        },
        "verdicts": [
            {"code": one["code"], "severity": one["severity"]} for one in json.loads(row.get("verdicts") or "[]")
        ],
        "versions": [],
    }


def access_of(row: Mapping[str, Any]) -> Expression:
    """Who may see an example. Versions that an earlier Freshet published hold a list of principals, `acl`."""
    return Expression.read(row["access"]) if "access" in row else Expression.of(row["acl"])


def _origin(store: Store, one: Mapping[str, Any]) -> Found:
    origin: Found = {
        "relation": one["relation"],
        "input": one["input"],
        "uri": one["uri"],
        "source_version": one["source_version"],
        "place": one["place"],
        "field": one["field"],
    }
    if one["corpus"] or one["document"]:
        origin["document"] = {
            "name": one["document"],
            "corpus": one["corpus"],
            "doc_id": one["doc_id"],
            "content_hash": one["doc_version"],
            "start": one["start"],
            "end": one["end"],
            "chunk_ids": list(one["chunk_ids"] or []),
            **(_document_now(store, one["corpus"], one["doc_id"], one["doc_version"]) if one["corpus"] else {}),
        }
    return origin


def _document_now(store: Store, corpus: str, doc_id: str, content_hash: str | None) -> Found:
    """Where a document is, and what became of the version that an example derives from."""
    columns = ["source", "path", "uri", "content_hash", "source_version", "licence", "uses"]
    rows = store.corpus(corpus).rows(schemas.DOCUMENTS, equals("doc_id", doc_id), columns)
    if not rows:
        return {"now": "withdrawn"}
    (row,) = rows
    same = row["content_hash"] == content_hash
    return {
        "source": row["source"],
        "path": row["path"],
        "uri": row["uri"],
        "source_version": row["source_version"] if same else _version_then(store, corpus, doc_id, content_hash),
        "now": "as it was" if same else "changed since",
    }


def _version_then(store: Store, corpus: str, doc_id: str, content_hash: str | None) -> str | None:
    """The source's own version of an earlier content of a document."""
    child = f"document:{corpus}/{doc_id}@{content_hash}"
    rows = store.ledger.rows(schemas.LINEAGE, equals("child", child), ["version"])
    return rows[-1]["version"] if rows else None


def _trace_rejected(store: Store, digest: str, dataset: str | None) -> Found | None:
    for version in dataset_versions(store, dataset):
        row = _look_up(store, version, schemas.REJECTED, version["rejected_version"], equals("digest", digest))
        if row is not None:
            return {
                "thing": "rejected example",
                "dataset": version["dataset"],
                "digest": digest,
                "origins": [{name: row[name] for name in ("input", "uri", "source_version", "place", "field")}],
                "codes": row["codes"],
                "verdicts": [one for one in json.loads(row["verdicts"] or "[]") if one["severity"] == "block"],
                "versions": [_brief(version)],
            }
    return None


def holding(store: Store, parents: Iterable[str]) -> list[Found]:
    """Dataset versions that hold examples of these files or documents, newest first, with their exports."""
    if not (wanted := sorted(set(parents))):
        return []
    where = both(is_any("parent", wanted), is_any("kind", ["file>version", "document>version"]))
    rows = store.ledger.rows(schemas.LINEAGE, where, ["child", "parent", "version", "examples", "path"])
    known = {version_id(one["dataset"], one["version"]): one for one in dataset_versions(store)}
    order = {child: place for place, child in enumerate(known)}
    found = []
    for row in sorted(rows, key=lambda row: (order.get(row["child"], len(order)), row["parent"])):
        name, _, number = row["child"].partition(":")[2].rpartition("/")
        version = known.get(row["child"])
        brief = _brief(version) if version else {"version": number, "live": False, "exports": []}
        found.append({"dataset": name, **brief, "examples": row["examples"], "of_version": row["version"]})
    return found


def find_version(store: Store, dataset: str, number: str) -> Found | None:
    """The trace of a dataset version: its files, documents and exports; None where there is no such version."""
    version = next((one for one in dataset_versions(store, dataset) if one["version"] == number), None)
    if version is None:
        return None
    rows = store.ledger.rows(schemas.LINEAGE, equals("child", version_id(dataset, number)))
    files, documents = [], []
    for row in sorted(rows, key=lambda row: str(row["parent"])):
        place = row["parent"].partition(":")[2]
        one = {"of_version": row["version"], "examples": row["examples"]}
        if row["kind"] == "file>version":
            files.append({"uri": place, **one})
        else:
            corpus, _, doc_id = place.partition("/")
            documents.append({"corpus": corpus or None, "doc_id": doc_id, "name": row["path"], **one})
    return {
        "thing": "dataset version",
        "dataset": dataset,
        "digest": version["digest"],
        **_brief(version),
        "files": files,
        "documents": documents,
    }


def known_files(store: Store) -> list[str]:
    """URIs of all files that dataset versions hold rows of."""
    rows = store.ledger.rows(schemas.LINEAGE, equals("kind", "file>version"), ["parent"])
    return sorted({row["parent"].partition(":")[2] for row in rows})


def named_documents(store: Store, name: str) -> list[str]:
    """Ids, as the relation has them, of documents that files of rows call so."""
    where = both(equals("path", name), equals("kind", "document>version"))
    rows = store.ledger.rows(schemas.LINEAGE, where, ["parent"])
    return sorted({row["parent"] for row in rows})


def _brief(version: Found) -> Found:
    return {"version": version["version"], "live": version["live"], "exports": version["exports"]}
