"""Where tests kill or hold a refresh or a build: every function of ours that is named for it, by module.

The names are looked up when a test that uses them is collected, so that one that has moved fails there and then,
and not as a process that "lived".
"""

from __future__ import annotations

from tests.flows.killer import find

ALL: list[str] = []
"""Every kill point: `module:function` or `module:Class.method`."""


def _in(module: str, *functions: str) -> list[str]:
    points = [f"{module}:{function}" for function in functions]
    for point in points:
        find(point)
    ALL.extend(points)
    return points


# A refresh, in the order of its steps.
RECORD_SCOPES, RESTATE_ACCESS, STAMP_CHUNKS = _in(
    "freshet.tasks.index.access", "record_scopes", "_merge_column", "update_rows"
)
(LIST_FILE,) = _in("freshet.tasks.documents.sources.folder", "_Scan._visit")
(ASK_PARSER,) = _in("freshet.tasks.documents.parse.child", "ParserProcess._ask")
(KEEP_PARSED,) = _in("freshet.tasks.documents.prepare", "keep_parsed")
(EMBED,) = _in("tests.flows.killer", "HashEmbedder.embed")
DELETE_LEFTOVERS, WRITE_LEDGER = _in("freshet.tasks.index.write", "_delete_leftovers", "_write_ledger")
WITHDRAW, DELETE_ROWS = _in("freshet.tasks.index.removal", "withdraw", "delete_rows")
(MAINTAIN_INDICES,) = _in("freshet.tasks.index.indices", "maintain_indices")
(NOTE_RELEASE,) = _in("freshet.tasks.index.release", "_append")

# A build of a dataset, in the order of its steps.
(LIST_ROWS,) = _in("freshet.tasks.datasets.inputs.files", "list_files")
READ_ROWS, LOAD_PART = _in("freshet.tasks.datasets.loading.load", "read_rows", "load_part")
(CHECK_ROWS,) = _in("freshet.tasks.datasets.checks.batch", "look_at")
(FIND_COPIES,) = _in("freshet.tasks.datasets.copies.find", "find_copies")
(ASSIGN_SPLITS,) = _in("freshet.tasks.datasets.split", "assign_splits")
(FIND_LEAKS,) = _in("freshet.tasks.datasets.leaks.find", "find_leaks")
(NOTE_REJECTED,) = _in("freshet.tasks.datasets.assembly.assemble", "_Work.rejected")
(JUDGE_VERSION,) = _in("freshet.tasks.datasets.versions.gate", "judge_version")
COMMIT_ROWS, TAG_TABLE, DELIVER_EXPORTS, NOTE_VERSION = _in(
    "freshet.tasks.datasets.versions.publish", "_commit", "_tag", "deliver", "_append"
)
(WRITE_MANIFEST,) = _in("freshet.tasks.datasets.versions.exports", "write_manifest")
(WRITE_LINEAGE,) = _in("freshet.tasks.datasets.export", "write_lineage")
(EXPORT_FILES,) = _in("freshet.tasks.datasets.export.files", "export_files")
(RECORD_BUILD,) = _in("freshet.flows.version_dataset", "record_build")

# Folding the query log, in the order of its steps.
(TAKE_EVENTS,) = _in("freshet.tasks.ledger.query_spool", "_take")
(INSERT_EVENTS,) = _in("freshet.tasks.ledger.query_log", "insert_all_new")
(REMOVE_EVENTS,) = _in("freshet.tasks.ledger.query_spool", "remove_file")
