"""The relation between things and what they were made from: compact, append-only, in both directions one query.

Nothing is written that the tables say already: where each example comes from stands with the example, what a release
holds stands in the ledger version that it names. But those are cleaned up one day, and nobody should have to open every
version to learn which of them hold a document. So there is one row where something begins or ceases to be so:

| kind | child | parent | `version` |
|---|---|---|---|
| `corpus>release` | release | corpus | of the ledger; `change` is `whole`, `since` or `unread` |
| `document>release` | release | document | its content hash; `change` is `from` or `until` |
| `bytes>document` | document version | file | the source's version of it |
| `file>version` | dataset version | file | its version; `examples` hold something of it |
| `document>version` | dataset version | document | its content hash; `examples` hold something of it |
| `version>export` | export | dataset version | SHA-256 of its manifest |

A release's row says `since` where its documents are described by their difference to the release before it: a document
stays in from its `from` until its `until`. With `whole`, all of its documents are listed anew, and what is not among
them ends there. With `unread`, the ledger was cleaned up before it could be read, and nothing is known of them.

`release_contents` and `version_contents` write the rows; the `trace` modules read them.
"""

from __future__ import annotations

from typing import Any, Literal

Kind = Literal[
    "corpus>release", "document>release", "bytes>document", "file>version", "document>version", "version>export"
]
"""What is the child of what, as the table above says."""


def corpus_id(corpus: str) -> str:
    """The id of a corpus in the relation."""
    return f"corpus:{corpus}"


def release_id(corpus: str, release: int) -> str:
    """The id of a release in the relation."""
    return f"release:{corpus}/{release}"


def release_number(child: str) -> int:
    """The number of the release that has this id."""
    return int(child.rpartition("/")[2])


def document_id(corpus: str | None, doc_id: str) -> str:
    """The id of a document of a corpus.

    A document that a file of rows names has no corpus (None), and its `doc_id` is `URI#name`.
    """
    return f"document:{corpus or ''}/{doc_id}"


def file_id(uri: str) -> str:
    """The id of a file in the relation."""
    return f"file:{uri}"


def version_id(dataset: str, version: str) -> str:
    """The id of a dataset version in the relation."""
    return f"version:{dataset}/{version}"


def export_id(dataset: str, version: str, kind: str) -> str:
    """The id of an export of a dataset version in the relation."""
    return f"export:{dataset}/{version}/{kind}"


def relation_row(child: str, parent: str, kind: Kind, **more: Any) -> dict[str, Any]:
    """A row of the relation; `more` are its other columns, and what is left out is null."""
    return {"child": child, "parent": parent, "kind": kind, **more}
