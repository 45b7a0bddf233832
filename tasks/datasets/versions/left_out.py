"""The rows that a build left out: each with its place, the reasons, and the beginning of what may be shown of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from freshet.expectations.rules import RULES
from freshet.tasks.datasets.shapes.redaction import clear
from freshet.tasks.errors import SettingsError, StoreError
from freshet.tasks.ledger.builds import last_build
from freshet.tasks.ledger.versions import Version, chosen_version, list_versions
from freshet.tasks.rules.verdicts import Verdict, describe
from freshet.tasks.store import schemas
from freshet.tasks.store.predicates import holds

if TYPE_CHECKING:
    from lancedb.table import Table

    from freshet.tasks.settings.datasets import Checks
    from freshet.tasks.store.tables import Store

MOST_SHOWN = 200
"""Characters of a text that are shown."""

_NEVER_SHOWN = ("ROW-PERSONAL", "ROW-SECRET")
_SHOWN = ("uri", "place", "field", "digest", "content", "raw", "codes", "verdicts")
_OF_THE_PLACE = ("file", "line", "row")
"""Keys of evidence that repeat what the row's place says already."""


def left_out_rows(
    store: Store, dataset: str, number: str | None, checks: Checks, *, code: str | None, limit: int
) -> dict[str, Any]:
    """Returns the rows that a version, or a build that the gate refused, left out, in canonical order.

    Memory: `limit` rows.

    Args:
        number: the number of a version, or of a build that the gate refused. None asks for the last build where the
            gate refused that build, and for the live version otherwise.
        checks: the checks of the dataset; what they call personal data or a secret is not shown.
        code: the rule that keeps the rows out; rows under all rules by default.
        limit: the number of rows that are returned; all are counted.

    Returns:
        `dataset`, `version`, `outcome`, `code`, `rejected` (how many rows were left out in all), `matching` (how many
        of those for `code`), and `rows`. Each row has `uri`, `place`, `field`, `digest` (None where nothing could be
        read), `codes`, `verdicts`, `why` (a sentence for each rule that keeps the row out) and `excerpt` (by column the
        beginning of its text; `raw` for a row that could not be taken; None where the row may not be shown).

    Raises:
        SettingsError: there is no such rule.
        StoreError: there is no such version, or its rows are gone.
    """
    if code is not None and code not in RULES:
        raise SettingsError(f"there is no rule {code}", "See those that there are: freshet rules")
    version = _decided(store, dataset, number)
    table = _rejected(store, version)
    where = None if code is None else holds("codes", code)
    scanner = table.to_lance().scanner(columns=list(_SHOWN), filter=where, limit=limit, scan_in_order=True)
    return {
        "dataset": dataset,
        "version": version.version,
        "outcome": version.outcome,
        "code": code,
        "rejected": table.count_rows(),
        "matching": table.count_rows(where),
        "rows": [_row(row, checks) for row in scanner.to_table().to_pylist()],
    }


def _decided(store: Store, dataset: str, number: str | None) -> Version:
    """Returns the version, or the build that the gate refused, whose rows are asked for."""
    versions = list_versions(store, dataset)
    refused = [one for one in versions if one.outcome == "rejected"]
    if number is None:
        last = last_build(store, dataset)
        if refused and last is not None and last["outcome"] == "rejected":
            return refused[0]
        return chosen_version(store, dataset, None)
    wanted = number.removeprefix("v")
    if not any(one.version == wanted for one in versions if one.outcome != "rejected"):
        for one in refused:
            if one.version == wanted:
                return one
    return chosen_version(store, dataset, number)


def _rejected(store: Store, version: Version) -> Table:
    try:
        return store.dataset(version.dataset).at(schemas.REJECTED, version.rejected_version)
    except StoreError as error:
        raise StoreError(
            f"the rows that {version.dataset} {version.version} left out are gone from the store: {error.what}",
            f"Build again: freshet dataset build {version.dataset}",
        ) from error


def _row(row: Mapping[str, Any], checks: Checks) -> dict[str, Any]:
    verdicts = [Verdict(**one) for one in json.loads(row["verdicts"])]
    return {
        **{name: row[name] for name in ("uri", "place", "field", "digest", "codes")},
        "verdicts": [one.as_dict() for one in verdicts],
        "why": [_why(one) for one in verdicts if one.severity == "block"],
        "excerpt": None if any(one.code in _NEVER_SHOWN for one in verdicts) else _excerpt(row, checks),
    }


def _why(found: Verdict) -> str:
    evidence = {name: value for name, value in found.evidence.items() if name not in _OF_THE_PLACE}
    return describe(Verdict(found.code, found.severity, evidence))


def _excerpt(row: Mapping[str, Any], checks: Checks) -> dict[str, str] | None:
    if row["content"] is not None:
        return {name: _beginning(value) for name, value in json.loads(row["content"]).items()}
    if row["raw"] is None:
        return None
    # Nobody has looked through what could not be taken as a row.
    cleared = clear({"raw": row["raw"]}, None, checks)
    return None if cleared.verdicts else {"raw": _beginning(cleared.content["raw"])}


def _beginning(value: Any) -> str:
    text = " ".join((value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)).split())
    return text if len(text) <= MOST_SHOWN else f"{text[: MOST_SHOWN - 2]} …"
