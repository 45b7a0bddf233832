"""The query log: its hashes are by the key that there is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from freshet.tasks.doctor.findings import Finding, Patient, finding
from freshet.tasks.errors import SettingsError
from freshet.tasks.ledger.query_events import LOG

if TYPE_CHECKING:
    from freshet.tasks.store.tables import Store


def examine_key(patient: Patient) -> Iterator[Finding]:
    """Whether questions on record were hashed with a key that is not there now.

    Only a key that has taken the other one's place for good is a reason to take hashes away: one that hashed the newest
    question.
    """
    from freshet.tasks.governance.secret_key import find_key
    from freshet.tasks.ledger.query_reading import newest_by_key

    newest = newest_by_key(patient.store)
    if not newest:
        return
    try:
        key = find_key(patient.project.root)
    except SettingsError as error:
        yield finding("DOCTOR-KEY", LOG, error.what)
        return
    others = {key_id: at for key_id, at in newest.items() if key is None or key_id != key.id}
    if not others:
        return
    last = max(newest, key=lambda one: newest[one])
    is_replaced = last not in others
    detail = f"the last question that was hashed so is of {max(others.values()):%Y-%m-%d}"
    yield finding(
        "DOCTOR-KEY", LOG, detail,
        repair=partial(_forget, patient.store, sorted(others)) if is_replaced else None,
    )  # fmt: skip


def _forget(store: Store, key_ids: Sequence[str]) -> list[str]:
    from freshet.tasks.ledger.query_log import forget_hashes

    return [f"{LOG}: who asked {forget_hashes(store, key_ids):,} questions, as hashes"]
