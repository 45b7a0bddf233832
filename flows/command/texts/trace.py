"""Renders a trace for a terminal: what something came from above, where it went below."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from freshet.flows.command.texts.lines import in_words, text_of
from freshet.tasks.lineage.places import row_place

Found = Mapping[str, Any]

MOST = 20
"""Lines of one list; the JSON has all."""


def trace_text(found: Found) -> str:
    """Renders the trace, as `freshet.tasks.lineage.trace.trace` gives it, in lines."""
    writers = {
        "example": _example,
        "rejected example": _rejected,
        "chunk": _chunk,
        "dataset version": _version,
        "source": _source,
    }
    return text_of(writers[found["thing"]](found))


def _example(found: Found) -> Iterator[str]:
    yield f"example {found['example_id']} of dataset {found['dataset']}, {found['split']}"
    for origin in found["origins"]:
        yield from _origin(origin)
    if found["transforms"]:
        yield f"  transforms: {', '.join(found['transforms'])}"
    policy = found["policy"]
    permitted = "permitted" if policy["training"] else "not permitted"
    yield f"  licence {found['licence']}, owner {found['owner']}, training {permitted}"
    yield f"  may be seen by {in_words(policy['acl'])}; made for {in_words(policy['audience'])}"
    if found["verdicts"]:
        yield f"  marked: {', '.join(sorted({one['code'] for one in found['verdicts']}))}"
    yield from _versions(found["versions"])


def _origin(origin: Found) -> Iterator[str]:
    where = row_place(origin["uri"], origin["place"], origin["field"])
    verb = "" if origin["relation"] in (None, "source") else f"{origin['relation']}: "
    yield f"  {verb}from {where} (version {_short(origin['source_version'])})"
    document = origin.get("document")
    if document is None:
        return
    name = document.get("path") or document["name"] or document["doc_id"]
    home = f" of corpus {document['corpus']}" if document["corpus"] else ""
    span = "" if document["start"] is None else f", characters {document['start']} to {document['end']}"
    yield f"    document {name}{home}{span} (version {_short(document['content_hash'])})"
    if document.get("now"):
        yield f"    the document is {document['now']}"
    if document["chunk_ids"]:
        yield f"    chunks: {', '.join(document['chunk_ids'])}"


def _rejected(found: Found) -> Iterator[str]:
    yield f"an example that dataset {found['dataset']} rejected: {', '.join(found['codes'])}"
    for origin in found["origins"]:
        yield from _origin({"relation": None, **origin})
    for one in found["verdicts"]:
        if "of" in one["evidence"]:
            yield f"  {one['code']} of {one['evidence']['of']}"
    yield f"  by version {found['versions'][0]['version']}"


def _chunk(found: Found) -> Iterator[str]:
    yield f"chunk {found['chunk_id']} of corpus {found['corpus']}"
    pages = "" if found["page_first"] is None else f", pages {found['page_first']} to {found['page_last']}"
    yield f"  characters {found['start']} to {found['end']}{pages}"
    document = found["document"]
    if document:
        version = document["source_version"] or _short(document["content_hash"])
        yield f"  of document {document['path']} ({document['uri']}, version {version})"
        yield f"  licence {document['licence'] or 'not stated'}, owner {document['owner']}"
        yield f"  uses {', '.join(document['uses'])}"
    yield f"  in release(s) {_numbers(found['releases'])}; {_live(found)}"


def _version(found: Found) -> Iterator[str]:
    yield f"dataset {found['dataset']} {found['version']}{', live' if found['live'] else ''}"
    yield f"  digest {found['digest']}"
    yield from _some(f"  from {f['uri']} (version {_short(f['of_version'])}): {f['examples']}" for f in found["files"])
    yield from _some(_held_document(one) for one in found["documents"])
    yield from _exports(found["exports"], "  ")


def _held_document(one: Found) -> str:
    home = f" of corpus {one['corpus']}" if one["corpus"] else ""
    return (
        f"  from document {one['name'] or one['doc_id']}{home} (version {_short(one['of_version'])}): {one['examples']}"
    )


def _source(found: Found) -> Iterator[str]:
    if found["datasets"]:
        yield f"{found['name']}"
        yield from _held(found["datasets"])
    for document in found["documents"]:
        yield f"document {document['path'] or document['doc_id']} of corpus {document['corpus']}"
        if document["withdrawn"]:
            yield "  withdrawn: its source does not hold it any more"
        elif document["now"]["duplicate_of"]:
            yield f"  a duplicate: document {document['now']['duplicate_of']} answers for it"
        for version in document["versions"]:
            at = version["source_version"] or _short(version["content_hash"])
            yield f"  version {at}: release(s) {_numbers(version['releases'])}"
        yield f"  {_live(document)}"
        if document["unknown_releases"]:
            yield f"  nobody can say any more whether it was in release(s) {_numbers(document['unknown_releases'])}"
        yield from _held(document["datasets"])


def _held(rows: Sequence[Found]) -> Iterator[str]:
    def lines() -> Iterator[str]:
        for row in rows:
            live = ", live" if row["live"] else ""
            yield f"  dataset {row['dataset']} {row['version']}{live}: {row['examples']} example(s)"
            yield from _exports(row["exports"], "    ")

    yield from _some(lines())
    if not rows:
        yield "  in no dataset version"


def _versions(rows: Sequence[Found]) -> Iterator[str]:
    def lines() -> Iterator[str]:
        for row in rows:
            yield f"  in version {row['version']}, {row['split']}{', live' if row['live'] else ''}"
            yield from _exports(row["exports"], "    ")

    yield from _some(lines())


def _exports(rows: Iterable[Found], indent: str) -> Iterator[str]:
    for row in rows:
        yield f"{indent}exported as {row['kind']}: {row['path']}"


def _some(lines: Iterable[str]) -> Iterator[str]:
    rest = 0
    for number, line in enumerate(lines):
        if number < MOST:
            yield line
        else:
            rest += 1
    if rest:
        yield f"  and {rest} more; --json lists them all"


def _live(found: Found) -> str:
    if found["live_release"] is None:
        return "no release is live"
    return f"{'in' if found['live'] else 'not in'} the live release {found['live_release']}"


def _numbers(numbers: Sequence[int]) -> str:
    """Writes numbers with their runs drawn together: 1-3, 5."""
    if not numbers:
        return "none"
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def _short(version: str | None) -> str:
    return (version or "unknown")[:12]
