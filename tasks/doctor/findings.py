"""What may be wrong with a store: every code once, what it means, and the next step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from freshet.tasks.doctor.intact import Intact

if TYPE_CHECKING:
    from freshet.tasks.settings.file import Project
    from freshet.tasks.store.tables import Store


@dataclass(frozen=True)
class Sign:
    """What a code stands for.

    Attributes:
        what: what is wrong.
        mend: the next step; `{name}` is the corpus or dataset.
    """

    what: str
    mend: str


_REPAIR = "Type: freshet doctor --repair"
_REFRESH = "Type: freshet refresh {name} --full"

CODES: dict[str, Sign] = {
    "DOCTOR-STORE-ACCESS": Sign(
        "the store, or a part of it, cannot be read or written to", "Give whoever runs Freshet access to it."
    ),
    "DOCTOR-UNREADABLE": Sign(
        "a part of the store cannot be read, and nothing says which of its files is at fault",
        f"{_REPAIR}, in case other findings are the cause; else restore the store from a backup.",
    ),
    "DOCTOR-STORE-OPEN": Sign(
        "more people on this machine may read the store's files than store_mode says",
        "Type: freshet doctor --repair, as the owner of the store's folder; or write store_mode as it is meant.",
    ),
    "DOCTOR-SCHEMA": Sign(
        "a table has other columns than this version of Freshet knows",
        "Install the version of Freshet that wrote the store, or restore the store from a backup.",
    ),
    "DOCTOR-TORN-MANIFEST": Sign(
        "the record of a table's version was cut short, as by a power cut, or altered: the table cannot be opened, or "
        "is misread",
        f"{_REPAIR}; the table goes back to the version before, and a refresh makes up for the rest.",
    ),
    "DOCTOR-MISSING-FILES": Sign(
        "files that a table's newest version is made of are gone, empty, cut short or altered",
        f"{_REPAIR}, which gives up the rows that were in them; then refresh, which makes up for them.",
    ),
    "DOCTOR-VERSION-BROKEN": Sign(
        "files that an earlier version of a table is made of are gone, cut short or altered",
        f"{_REPAIR}, which gives it up.",
    ),
    "DOCTOR-INDEX-FILES": Sign(
        "files of an index are gone, cut short or altered: searches fail, or find other passages",
        f"{_REPAIR}, which builds it anew.",
    ),
    "DOCTOR-INDEX-MISSING": Sign("an index that searches rely on is not there", f"{_REPAIR}, which builds it."),
    "DOCTOR-INDEX-LAG": Sign("an index does not know all rows of its table", f"{_REPAIR}, which adds them."),
    "DOCTOR-CORPUS-GONE": Sign(
        "releases of the corpus are on record, and none of its tables is in the store",
        "Restore the store from a backup, or make the corpus anew: freshet refresh {name}",
    ),
    "DOCTOR-RELEASE-GONE": Sign(
        "readers are sent to a release whose table or ledger version is gone or unreadable: they get errors",
        f"{_REPAIR}, which publishes the newest release that can be read; then refresh.",
    ),
    "DOCTOR-RELEASE-RECORD": Sign(
        "the record of releases has a gap, or a number twice",
        f"{_REPAIR}, which restores what the tables still say of the missing ones.",
    ),
    "DOCTOR-TAG": Sign("a version that must be kept is not tagged, so that cleaning up could take it away", _REPAIR),
    "DOCTOR-TAG-FILES": Sign(
        "tags of a table, which keep versions from cleaning up, cannot be read", f"{_REPAIR}, which sets them anew."
    ),
    "DOCTOR-SEALS": Sign(
        "the digests by which altered files of a table are told were themselves altered: until they are taken anew, "
        "only what cannot be read is found in it",
        f"{_REPAIR}, which takes them of the files as they are now.",
    ),
    "DOCTOR-LEDGER-MISMATCH": Sign(
        "documents whose chunks are not what the ledger says of them", f"{_REFRESH}, which makes them anew."
    ),
    "DOCTOR-STRAY-CHUNKS": Sign(
        "chunks of documents that the ledger does not name", f"{_REPAIR}, or refresh: both delete them."
    ),
    "DOCTOR-STRAY-TABLE": Sign(
        "a table that no release and no document uses", f"{_REPAIR}, which deletes it where that loses nothing."
    ),
    "DOCTOR-STRAY-FOLDER": Sign(
        "the store holds a corpus or dataset that freshet.yaml does not name",
        "Put it back into freshet.yaml, or delete its folder.",
    ),
    "DOCTOR-DEPLOYMENTS": Sign(
        "the Prefect server holds deployments that an earlier version of Freshet made: their runs cannot start",
        "Type freshet deploy, which brings them along.",
    ),
    "DOCTOR-STALE-HOLDER": Sign("a note says that a run holds a lock, and none does", _REPAIR),
    "DOCTOR-LEFTOVER": Sign("files that a killed run left", f"{_REPAIR}, which deletes them."),
    "DOCTOR-OPEN-RUN": Sign(
        "the record of runs has one that began and never ended", f"{_REPAIR}, which records that it was killed."
    ),
    "DOCTOR-SOURCE-UNREACHABLE": Sign(
        "a source cannot be listed to its end", "Mend the source or what the settings say of it; until then it serves "
        "what it held.",
    ),
    "DOCTOR-SOURCE-DIFFERS": Sign(
        "a source holds other documents than the ledger knows of", "Type: freshet refresh {name}"
    ),
    "DOCTOR-MODEL": Sign(
        "the embedding model cannot be found, so that the corpus can be neither refreshed nor asked",
        "Put it where embedding.model says.",
    ),
    "DOCTOR-EXPORT-MISSING": Sign(
        "the exported files of a dataset version are gone", f"{_REPAIR}, which writes them again from the tables."
    ),
    "DOCTOR-EXPORT-ALTERED": Sign(
        "exported files of a dataset version are not those that were published",
        f"{_REPAIR}, which writes them again from the tables.",
    ),
    "DOCTOR-ROWS-GONE": Sign(
        "files that the newest rows of a dataset are made of are gone, empty, cut short or altered",
        "Restore the store from a backup, or build a version anew: freshet dataset build {name}",
    ),
    "DOCTOR-VERSION-GONE": Sign(
        "the rows of a published dataset version are gone from the tables",
        "Restore the store from a backup; its exports, if they are there, still hold the rows.",
    ),
    "DOCTOR-KEY": Sign(
        "the query log has hashes by another secret key than the one there is now: who asked, and what was asked "
        "again, is not told across the two",
        "Put the file with the former key back (.freshet.key beside the settings, or where FRESHET_KEY_FILE says). If "
        "it is lost, and the new one in use, type freshet doctor --repair, which takes the former hashes away.",
    ),
    "DOCTOR-RETENTION": Sign(
        "a live dataset version is past its retention",
        "Build one that may be kept: freshet dataset build {name}; or type: freshet maintain {name} --expire-live",
    ),
}  # fmt: skip

NAMED = 5
"""How many of the things that it concerns a finding names, at most."""

Mend = Callable[[], Sequence[str]]
"""Mends what was found and says what was lost by that; nothing for nothing."""


@dataclass(frozen=True)
class Finding:
    """Something wrong with the store.

    Attributes:
        where: the part of the store, from its root on, or the corpus, dataset or source.
        what: the code's meaning, with particulars.
        lock: name of the writer's lock under which it is mended; None where there is none.
        repair: mends it; None where only a person can.
    """

    code: str
    where: str
    what: str
    mend: str
    lock: str | None = field(default=None, compare=False)
    repair: Mend | None = field(default=None, compare=False, repr=False)

    def as_dict(self) -> dict[str, Any]:
        """Gives the finding in the shape that `freshet doctor --json` prints."""
        return {"code": self.code, "where": self.where, "what": self.what, "mend": self.mend}


@dataclass(frozen=True)
class Patient:
    """What the checks look at, and which files they found whole."""

    project: Project
    store: Store
    intact: Intact = field(default_factory=Intact, compare=False)


def finding(
    code: str, where: str, detail: str = "", *, name: str = "", lock: str | None = None, repair: Mend | None = None
) -> Finding:
    """Makes a finding of a code, with what the code stands for.

    Args:
        detail: the particulars, if any.
        name: the corpus or dataset that the next step is typed for.
    """
    sign = CODES[code]
    what = f"{sign.what}: {detail}" if detail else sign.what
    mend = sign.mend.format(name=name or "CORPUS")
    return Finding(code, where, what, mend, lock, repair)
