"""The releases of a corpus: every one is on record, can be read and is tagged, so that nothing cleans it up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from freshet.tasks.doctor.findings import NAMED, Finding, Patient, finding
from freshet.tasks.doctor.intact import Intact
from freshet.tasks.doctor.table_files import corpus_tables, pass_by
from freshet.tasks.doctor.tables import is_readable
from freshet.tasks.store import schemas
from freshet.tasks.store.files import table_name

if TYPE_CHECKING:
    from lancedb.table import Table

    from freshet.tasks.ledger.releases import Release
    from freshet.tasks.store.tables import Store


def examine_releases(patient: Patient, corpus: str, releases: Sequence[Release]) -> Iterator[Finding]:
    """Finds gaps and repetitions in the record, a live release that cannot be read, and versions without a tag.

    Args:
        releases: the record of the corpus, as `list_releases` gives it.
    """
    from freshet.tasks.ledger.releases import live_release
    from freshet.tasks.maintenance.cleaning import kept_releases

    store, where = patient.store, "ledger/releases"
    times = Counter(one.release for one in releases)
    tagged = _tagged_releases(store, corpus)
    highest = max([*times, *tagged], default=0)
    gaps = [number for number in range(1, highest + 1) if number not in times]
    twice = sorted(number for number, count in times.items() if count > 1)
    if gaps:
        detail = f"corpus {corpus} has no release {', '.join(map(str, gaps[:NAMED]))}"
        yield finding(
            "DOCTOR-RELEASE-RECORD", where, detail, name=corpus, lock=corpus,
            repair=lambda: _restore_releases(store, corpus, gaps),
        )  # fmt: skip
    if twice:
        yield finding("DOCTOR-RELEASE-RECORD", where, f"corpus {corpus} has release {twice[0]} twice", name=corpus)
    live = live_release(releases)
    if live is not None and not _can_be_read(store, live, patient.intact):
        detail = f"release {live.release} of corpus {corpus}"
        yield finding(
            "DOCTOR-RELEASE-GONE", f"corpora/{corpus}", detail, name=corpus, lock=corpus,
            repair=lambda: _publish_readable(store, corpus),
        )  # fmt: skip
    kept = kept_releases(releases, patient.project.settings.maintenance, datetime.now(UTC))
    untagged = [one for one in kept if one.outcome == "published" and _lacks_tag(store, one, tagged, patient.intact)]
    if untagged:
        numbers = ", ".join(str(one.release) for one in untagged)
        yield finding(
            "DOCTOR-TAG", f"corpora/{corpus}", f"release {numbers}", name=corpus, lock=corpus,
            repair=lambda: _tag(store, untagged),
        )  # fmt: skip


def _tags(table: Table | None) -> dict[str, int]:
    """The version that each tag of a table names."""
    return {} if table is None else {name: int(one["version"]) for name, one in table.tags.list().items()}


def _tagged_releases(store: Store, corpus: str) -> dict[int, dict[str, int]]:
    """The versions that the tags of the tables name, by the number of the release and by the table."""
    found: dict[int, dict[str, int]] = {}
    tables = store.corpus(corpus)
    for name in tables.names():
        if name == schemas.DOCUMENTS or name.startswith(schemas.chunks_table("")):
            for tag, version in _tags(tables.find(name)).items():
                kind, _, number = tag.rpartition("-")
                if kind == "release" and number.isdigit():
                    found.setdefault(int(number), {})[name] = version
    return found


def _lacks_tag(store: Store, release: Release, tagged: dict[int, dict[str, int]], intact: Intact) -> bool:
    """A rollback has no tag of its own: that of the release it goes back to holds the version."""
    needed = {release.table: release.table_version, schemas.DOCUMENTS: release.ledger_version}
    held = {(name, version) for tags in tagged.values() for name, version in tags.items()}
    return _can_be_read(store, release, intact) and any(one not in held for one in needed.items())


def _can_be_read(store: Store, release: Release, intact: Intact) -> bool:
    """Whether the versions of both tables that a release names are there."""
    folder = f"{store.address}/corpora/{release.corpus}"
    named = {release.table: release.table_version, schemas.DOCUMENTS: release.ledger_version}
    return all(is_readable(f"{folder}/{name}.lance", version, intact) for name, version in named.items())


def _tag(store: Store, releases: Sequence[Release]) -> list[str]:
    from freshet.tasks.index.release import pin_release

    for release in releases:
        pin_release(store, release)
    return []


def _publish_readable(store: Store, corpus: str) -> list[str]:
    """Publishes the newest release that can be read; where none can, readers wait for a refresh.

    The tables then number on from behind the versions that are gone, so that no release names another state.
    """
    from freshet.tasks.index.release import roll_back
    from freshet.tasks.ledger.releases import list_releases, live_release

    releases, intact = list_releases(store, corpus), Intact()
    live = live_release(releases)
    readable = next((r for r in releases if r.outcome == "published" and _can_be_read(store, r, intact)), None)
    for table in corpus_tables(store, corpus):
        name = table_name(table.address)
        named = [one.table_version for one in releases if one.table == name]
        named += [one.ledger_version for one in releases if name == schemas.DOCUMENTS]
        lost = max((one for one in named if not is_readable(table.address, one, intact)), default=0)
        pass_by(table, lost)
    if live is None or readable is None:
        return []
    offered = next((r for r in releases if r.outcome == "published" and r.rollback_of is None), live)
    made = roll_back(store, corpus, readable.release, now=datetime.now(UTC))
    if not is_readable(f"{store.address}/corpora/{corpus}/{schemas.DOCUMENTS}.lance", offered.ledger_version, intact):
        return [
            f"corpus {corpus}: release {live.release}, and with it whom its documents let in. Nothing is shown to "
            f"anybody until freshet refresh {corpus} has published"
        ]
    return [
        f"corpus {corpus}: release {live.release}. Readers see what release {readable.release} held, as release "
        f"{made.release}, until freshet refresh {corpus} publishes what the sources hold now"
    ]


def _restore_releases(store: Store, corpus: str, numbers: Sequence[int]) -> list[str]:
    """Puts releases back on record.

    What the tags of the tables still tell of a release is restored; of one without tags it is recorded that its
    decision was lost.
    """
    from freshet.tasks.ledger.releases import Release, insert_release, list_releases

    releases, tagged, lost = list_releases(store, corpus), _tagged_releases(store, corpus), []
    tables = store.corpus(corpus)
    template = next(iter(releases), None)
    rows: list[dict[str, Any]] = []
    for number in numbers:
        tags = dict(tagged.get(number, {}))
        ledger = tags.pop(schemas.DOCUMENTS, None)
        chunks = next(iter(tags.items()), None)
        row = _lost_row(corpus, number, template)
        if ledger is None or chunks is None:
            lost.append(f"corpus {corpus}: what the gate decided as release {number}")
        else:
            name, version = chunks
            row |= {
                "outcome": "published",
                "space": name.removeprefix(schemas.chunks_table("")),
                "table_version": version,
                "ledger_version": ledger,
                "documents": tables.at(schemas.DOCUMENTS, ledger).count_rows("content_hash IS NOT NULL"),
                "chunks": tables.at(name, version).count_rows(),
                "reasons": [],
            }
            lost.append(f"corpus {corpus}: the exam and the report of release {number}")
        rows.append(row)
    for row in rows:
        insert_release(store, Release(**row))
    return lost


def _lost_row(corpus: str, number: int, template: Release | None) -> dict[str, Any]:
    """A row of `schemas.releases` for a decision that was lost; model, space and time are those of another release."""
    from freshet.tasks.ledger.releases import RESTORED

    now = datetime.now(UTC)
    return {
        "corpus": corpus, "release": number, "outcome": "rejected", "rollback_of": None,
        "model": template.model if template else "", "space": template.space if template else "", "table_version": 0,
        "ledger_version": 0, "documents": 0, "chunks": 0, "reasons": ["the record of this decision was lost"],
        "exam": None, "site": None, "run_id": RESTORED, "as_of": template.as_of if template else now,
        "published_at": now,
    }  # fmt: skip
