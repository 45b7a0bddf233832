"""Whom a caller of the service asks as."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest

from freshet.tasks.governance.expressions import Expression
from freshet.tasks.service.caller import ANONYMOUS, Caller, NotPermitted
from freshet.tasks.service.desk import Desk
from freshet.tasks.settings.access import AccessExpression
from freshet.tasks.settings.file import load_project

ADA = ("user:ada", "group:staff")
BUT_PARTNERS = Expression.of(AccessExpression.model_validate({"all": [["everyone"]], "none": ["group:partners"]}))


def _desk(root: Path, *, roster: bool = False) -> Desk:
    said = "roster: {file: groups.yaml}\n" if roster else ""
    (root / "freshet.yaml").write_text(f"corpora: {{}}\n{said}")
    (root / "groups.yaml").write_text(
        f"as_of: {datetime.now(UTC).isoformat()}\ngroups: {{'group:legal': ['user:ada'], 'group:partners': []}}\n"
    )
    return Desk(load_project(root / "freshet.yaml"))


@pytest.mark.parametrize("roster", [False, True])
def test_whoever_may_be_in_any_group_is_let_in_by_no_list_that_keeps_one_out(roster: bool, tmp_path: Path) -> None:
    desk = _desk(tmp_path, roster=roster)
    known, unknown = Caller("a", ADA), Caller("a", ADA, groups_unknown=True)
    assert [BUT_PARTNERS.admits(desk.asker(one)) for one in (known, unknown, ANONYMOUS)] == [True, False, False]
    # What is known of him stays: only lists that keep a group out are closed to him.
    assert desk.asker(unknown).principals == desk.asker(known).principals
    assert ("group:legal" in desk.asker(unknown).principals) is roster
    assert Expression.of(["group:staff"]).admits(desk.asker(unknown))
    assert Expression.of(["everyone"]).admits(desk.asker(ANONYMOUS))


def test_only_a_token_that_may_asks_as_somebody_else_and_that_is_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    desk = _desk(tmp_path)
    caplog.set_level(logging.INFO, "freshet.service")
    with pytest.raises(NotPermitted):
        desk.asker(Caller("token 1", ADA), ["user:eve"])
    desk.asker(Caller("token 2", ADA, may_impersonate=True))
    assert caplog.records == []
    asker = desk.asker(Caller("token 2", ADA, may_impersonate=True), ["user:eve", "group:a"])
    assert asker.principals == {"everyone", "user:eve", "group:a"}
    assert [record.getMessage() for record in caplog.records] == ["token 2 asks as user:eve, group:a"]
