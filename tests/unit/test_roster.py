"""Rosters: read strictly, resolved when somebody asks, and believed for so long only."""

from __future__ import annotations

import itertools
import os
import unicodedata
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freshet.tasks.errors import SettingsError
from freshet.tasks.governance.expressions import Expression
from freshet.tasks.governance.roster import Roster, asker_of, load_roster
from freshet.tasks.settings.access import AccessExpression
from freshet.tasks.settings.file import Problem, find_notes, find_problems, load_project
from freshet.tasks.settings.named_files import text
from freshet.tasks.settings.roster import RosterFile, _circles, read_roster

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
WEEK = timedelta(days=7)
GOOD = """\
as_of: 2026-11-29T06:00:00Z
groups:
  group:legal: [user:ada, group:partners]
  group:partners: [user:bob]
  group:empty: []
"""


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("FRESHET_CONFIG", "FRESHET_STORE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def _write(content: str | bytes, name: str = "groups.yaml") -> Path:
    file = Path(name)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def _read(content: str) -> RosterFile:
    roster, findings = read_roster(_write(content))
    assert findings == []
    assert roster is not None
    return roster


def _told(content: str | bytes) -> list[str]:
    file = _write(content)
    roster, findings = read_roster(file)
    assert roster is None
    assert all(finding.mend for finding in findings)
    return [text(file.name, finding) for finding in findings]


def _roster(members: dict[str, list[str]], as_of: datetime = NOW, max_age: timedelta = WEEK) -> Roster:
    return Roster({group: tuple(some) for group, some in members.items()}, as_of, max_age)


def test_a_roster_says_who_is_in_which_group_and_when_that_was_so() -> None:
    roster = _read(GOOD)
    assert roster.members == {
        "group:legal": ("user:ada", "group:partners"),
        "group:partners": ("user:bob",),
        "group:empty": (),
    }
    assert roster.as_of == datetime(2026, 11, 29, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    "written", ["2026-11-29T08:00:00+02:00", '"2026-11-29T06:00:00Z"', "2026-11-29 06:00:00Z", '"2026-11-29T06:00Z"']
)
def test_a_time_may_be_of_any_zone_and_in_quotes(written: str) -> None:
    assert _read(GOOD.replace("2026-11-29T06:00:00Z", written)).as_of == datetime(2026, 11, 29, 6, tzinfo=UTC)


def test_without_a_time_that_of_the_file_counts() -> None:
    file = _write("groups: {'group:a': ['user:a']}")
    os.utime(file, (1_700_000_000, 1_700_000_000))
    roster, _ = read_roster(file)
    assert roster is not None
    assert roster.as_of == datetime.fromtimestamp(1_700_000_000, UTC)


def test_json_is_a_roster_as_well() -> None:
    assert _read('{"groups": {"group:a": ["user:a"]}}').members == {"group:a": ("user:a",)}


def test_names_are_read_in_nfc() -> None:
    assert _read('groups: {"group:e\u0301": ["user:A\u030a"]}').members == {"group:\u00e9": ("user:\u00c5",)}


WRONG = """\
as-of: 2026-11-29T06:00:00Z
as_of: 2026-11-29
groups:
  legal: [user:ada]
  group:a: [ada, everyone, group:b, user: c]
  group:b: user:bob
  group:c:
  group:e\u0301: []
  group:\u00e9: []
  user:x: [user:y]
  group:d: [5]
"""


def test_everything_wrong_is_told_at_once_in_the_order_of_the_file() -> None:
    assert _told(WRONG) == [
        "groups.yaml:1: as-of: unknown key as-of",
        "groups.yaml:2: as_of: 2026-11-29 is not a date and a time",
        "groups.yaml:4: groups.legal: legal is no group",
        "groups.yaml:5: groups.group:a[0]: ada is no principal",
        "groups.yaml:5: groups.group:a[1]: everyone is no member of a group",
        "groups.yaml:5: groups.group:a[3]: a group of keys is no principal",
        "groups.yaml:6: groups.group:b: group:b is text, not a list",
        "groups.yaml:7: groups.group:c: group:c is nothing, not a list",
        "groups.yaml:9: groups.group:\u00e9: the group group:\u00e9 is there twice, first on line 8",
        "groups.yaml:10: groups.user:x: user:x is no group",
        "groups.yaml:11: groups.group:d[0]: 5 is no principal",
    ]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("", "the file is empty"),
        ("- a\n", "a list, not a group of keys"),
        ("as_of: 2026-11-29T06:00:00Z\n", "the key groups is missing"),
        ("groups:\n", "groups is empty"),
        ("groups: {}\n", "groups is empty"),
        ("groups: [group:a]\n", "groups is a list, not a group of keys"),
        ("groups: {'group:a': []}\nas_of: 2026-11-29T06:00:00\n", "2026-11-29T06:00:00 has no time zone"),
        ("groups: {'group:a': []}\nas_of: '2026-11-29'\n", "2026-11-29 has no time zone"),
        ("groups: {'group:a': []}\nas_of: yesterday\n", "yesterday is not a date and a time"),
        ("groups: {'group:a': []}\nas_of:\n", "nothing is not a date and a time"),
        ("groups: {'group:a': []}\nas_of: 1700000000\n", "1700000000 is not a date and a time"),
        ("groups:\n  group:a: []\n  group:a: []\n", "the key group:a is there twice, first on line 2"),
        ("groups: {'group:a b': []}\n", "group:a b is no group"),
        ('groups: {"group:a\\u200b": []}\n', "is no group"),
        ("groups: {'group:a': ['user:${X}']}\n", "the environment variable X is not set"),
        (b"groups: \xff", "not UTF-8"),
    ],
)
def test_a_roster_with_a_mistake_is_refused(content: str | bytes, what: str) -> None:
    (told,) = _told(content)
    assert what in told


def test_a_roster_that_is_not_there_is_told() -> None:
    roster, (finding,) = read_roster(Path("nowhere.yaml"))
    assert roster is None
    assert "cannot be read" in finding.what


@pytest.mark.parametrize(
    ("groups", "line", "circle"),
    [
        ("  group:a: [group:a]\n", 2, "group:a → group:a"),
        ("  group:a: [group:b]\n  group:b: [user:x, group:a]\n", 2, "group:a → group:b → group:a"),
        (
            "  group:top: [group:a]\n  group:c: [group:a]\n  group:a: [group:b]\n  group:b: [group:c]\n",
            4,
            "group:a → group:b → group:c → group:a",
        ),
    ],
)
def test_groups_in_a_circle_are_told_with_the_circle(groups: str, line: int, circle: str) -> None:
    (told,) = _told(f"groups:\n{groups}")
    assert told.startswith(f"groups.yaml:{line}: ")
    assert told.endswith(f"groups are in a circle: {circle}")


def test_each_circle_is_told_and_a_long_one_is_cut() -> None:
    long = "".join(f"  group:g{one}: [group:g{(one + 1) % 5000}]\n" for one in range(5000))
    told = _told(f"groups:\n{long}  group:x: [group:x]\n")
    assert len(told) == 2
    assert "group:g0 → group:g1 → " in told[0]
    assert told[0].endswith("… → group:g0")
    assert len(told[0]) < 300
    assert told[1].endswith("group:x → group:x")


def test_a_group_within_two_others_is_no_circle() -> None:
    _read("groups:\n  group:a: [group:c, group:b]\n  group:b: [group:c]\n  group:c: [user:x]\n")


GROUPS = [f"group:{letter}" for letter in "abcdef"]
USERS = ["user:1", "user:2"]
ANY_MEMBERS = st.dictionaries(st.sampled_from(GROUPS), st.lists(st.sampled_from([*GROUPS, *USERS]), max_size=4))


def _closure(members: dict[str, list[str]]) -> set[tuple[str, str]]:
    """The naive model: (who, group) for everybody who is in a group, through however many others."""
    pairs = {(one, group) for group, some in members.items() for one in some}
    while True:
        more = pairs | {(one, above) for one, group in pairs for below, above in pairs if group == below}
        if more == pairs:
            return pairs
        pairs = more


@given(ANY_MEMBERS)
def test_a_circle_is_found_exactly_where_a_group_is_in_itself(members: dict[str, list[str]]) -> None:
    circles = _circles({group: tuple(some) for group, some in members.items()})
    assert bool(circles) == any(one == group for one, group in _closure(members))
    for circle in circles:
        assert circle[0] == circle[-1]
        assert all(below in members[above] for above, below in itertools.pairwise(circle))


@given(ANY_MEMBERS, st.sets(st.sampled_from([*GROUPS, *USERS]), max_size=2))
def test_whoever_asks_is_in_every_group_that_one_of_his_names_is_in(
    members: dict[str, list[str]], as_: set[str]
) -> None:
    pairs = _closure(members)
    asker = asker_of(sorted(as_), _roster(members), NOW)
    assert asker.principals == {"everyone"} | as_ | {group for one, group in pairs if one in as_}
    assert asker.known_groups == members.keys()


@given(ANY_MEMBERS, st.sampled_from([*GROUPS, *USERS]), st.sampled_from(GROUPS))
def test_a_path_is_a_shortest_chain_and_is_there_where_the_membership_is(
    members: dict[str, list[str]], one: str, group: str
) -> None:
    path = _roster(members).path_to(one, group)
    if one == group:
        return
    assert (path is not None) == ((one, group) in _closure(members))
    if path is None:
        return
    assert (path[0], path[-1]) == (one, group)
    assert all(below in members[above] for below, above in itertools.pairwise(path))
    reached, steps = {one}, 0
    while group not in reached:
        reached |= {above for above, some in members.items() if reached & set(some)}
        steps += 1
    assert len(path) == steps + 1


def test_a_chain_of_many_groups_is_walked_to_its_end() -> None:
    count = 20_000
    members = {f"group:{one}": [f"group:{one + 1}"] for one in range(count)}
    members[f"group:{count}"] = ["user:ada"]
    assert _circles({group: tuple(some) for group, some in members.items()}) == []
    roster = _roster(members)
    assert len(asker_of(["user:ada"], roster, NOW).principals) == count + 3
    assert len(roster.path_to("user:ada", "group:0") or ()) == count + 2


def test_names_of_whoever_asks_are_compared_in_nfc() -> None:
    roster = _roster({"group:\u00e9": ["user:Zo\u00e9"]})
    assert "group:\u00e9" in asker_of([unicodedata.normalize("NFD", "user:Zoé")], roster, NOW).principals
    assert roster.path_to("user:Zoe\u0301", "group:e\u0301") == ["user:Zo\u00e9", "group:\u00e9"]


def test_who_is_in_no_group_is_in_none() -> None:
    roster = _roster({"group:a": ["user:ada"]})
    assert asker_of(["user:bob"], roster, NOW).principals == {"user:bob", "everyone"}
    assert roster.path_to("user:bob", "group:a") is None
    assert roster.path_to("user:ada", "group:b") is None


@pytest.mark.parametrize(
    ("age", "current"),
    [
        (timedelta(0), True),
        (WEEK, True),
        (WEEK + timedelta(microseconds=1), False),
        (-timedelta(minutes=5), True),
        (-timedelta(minutes=5, microseconds=1), False),
    ],
)
def test_a_roster_that_is_too_old_or_of_the_future_gives_no_group_and_says_so(age: timedelta, current: bool) -> None:
    asker = asker_of(
        ["user:ada", "group:own"], _roster({"group:a": ["user:ada"], "group:contractors": []}, as_of=NOW - age), NOW
    )
    assert ("group:a" in asker.principals) == current
    assert bool(asker.known_groups) == current
    assert asker.principals >= {"user:ada", "group:own", "everyone"}
    keeps_out = Expression.of(AccessExpression(all=[["everyone"]], none=["group:contractors"]))
    assert keeps_out.admits(asker) == current
    assert Expression.of(["everyone"]).admits(asker)


def test_without_a_roster_the_groups_are_those_that_are_named() -> None:
    asker = asker_of(["user:ada", "group:a"], None, NOW)
    assert (asker.principals, asker.known_groups) == ({"user:ada", "group:a", "everyone"}, None)


def test_a_name_that_is_no_principal_is_refused() -> None:
    with pytest.raises(SettingsError, match="'ada' is no principal"):
        asker_of(["ada"], _roster({}), NOW)


SETTINGS = """\
corpora:
  c:
    sources: [{folder: ., owner: o, acl: [everyone], exclude: [.freshet/]}]
roster:
  file: groups.yaml
"""


def _checked(roster: str | None) -> tuple[list[Problem], list[Problem]]:
    """(problems, notes) of settings that name the roster."""
    file = _write(SETTINGS, "freshet.yaml")
    if roster is not None:
        _write(roster)
    return find_problems(file), find_notes(file)


def _taken(as_of: datetime) -> str:
    return f"as_of: {as_of.isoformat()}\ngroups: {{'group:a': ['user:ada']}}\n"


def test_a_project_without_a_roster_has_none() -> None:
    assert load_roster(load_project(_write("store: x\n", "freshet.yaml"))) is None


def test_a_roster_is_loaded_beside_the_settings_file_with_its_greatest_age(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _write(GOOD)
    file = _write(SETTINGS + "  max_age: 2d\n", "freshet.yaml").absolute()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    roster = load_roster(load_project(file))
    assert roster is not None
    assert roster.max_age == timedelta(days=2)
    assert roster.path_to("user:bob", "group:legal") == ["user:bob", "group:partners", "group:legal"]


def test_settings_are_loaded_without_their_roster_but_nobody_is_looked_up(tmp_path: Path) -> None:
    project = load_project(_write(SETTINGS, "freshet.yaml"))
    with pytest.raises(SettingsError, match=r"the roster groups\.yaml does not exist"):
        load_roster(project)
    _write("groups: {'group:a': [ada]}")
    with pytest.raises(SettingsError, match=r"groups\.yaml has a problem:\n.*ada is no principal"):
        load_roster(project)
    (tmp_path / "groups.yaml").unlink()
    (tmp_path / "groups.yaml").mkdir()
    with pytest.raises(SettingsError, match="does not exist"):
        load_roster(project)


def test_a_sound_roster_is_no_matter_to_check() -> None:
    assert _checked(_taken(datetime.now(UTC) + timedelta(hours=-1))) == ([], [])
    assert _checked(_taken(datetime.now(UTC) + timedelta(minutes=3))) == ([], [])


def test_check_tells_that_a_roster_is_missing_or_broken() -> None:
    (problem,), notes = _checked(None)
    assert (problem.line, problem.where, notes) == (5, "roster.file", [])
    assert problem.what == "the file groups.yaml does not exist"
    (first, second), notes = _checked("groups:\n  group:a: [ada]\n  group:b: [everyone]\n")
    assert first.what == "groups.yaml:2: groups.group:a[0]: ada is no principal"
    assert second.what.startswith("groups.yaml:3: ")
    assert (first.line, second.where, notes) == (5, "roster.file", [])


def test_check_notes_that_a_roster_is_too_old() -> None:
    problems, (note,) = _checked(_taken(datetime.now(UTC) + timedelta(days=-8)))
    assert (problems, note.line, note.where) == ([], 5, "roster.file")
    assert "so that nobody is in a group" in note.what
    assert "7d" in note.mend


def test_check_notes_that_the_file_of_a_roster_without_a_time_is_too_old() -> None:
    file = _write("groups: {'group:a': ['user:ada']}")
    old = (datetime.now(UTC) + timedelta(days=-8)).timestamp()
    os.utime(file, (old, old))
    problems, (note,) = _checked(None)
    assert (problems, note.where) == ([], "roster.file")


def test_check_refuses_a_roster_of_the_future() -> None:
    (problem,), notes = _checked(_taken(datetime.now(UTC) + timedelta(minutes=6)))
    assert (problem.where, notes) == ("roster.file", [])
    assert "still to come" in problem.what


@pytest.mark.parametrize(
    ("said", "where", "what"),
    [
        ("roster: groups.yaml", "roster", "groups.yaml is not a group of keys"),
        ("roster:", "roster", "roster has no value"),
        ("roster: {}", "roster.file", "the key file is missing"),
        ("roster: {file: groups.yaml, max_age: 7}", "roster.max_age", "7 is not a duration"),
        ("roster: {file: groups.yaml, maxage: 7d}", "roster.maxage", "unknown key maxage"),
        ("roster: {file: 's3://bucket/groups.yaml'}", "roster.file", "does not exist"),
    ],
)
def test_a_mistake_in_the_settings_of_a_roster_is_told(said: str, where: str, what: str) -> None:
    _write(_taken(datetime.now(UTC)))
    (problem,) = find_problems(_write(said + "\n", "freshet.yaml"))
    assert problem.where == where
    assert what in problem.what


def test_a_roster_of_a_company_is_within_the_bounds_of_its_reader() -> None:
    """200,000 memberships, which are more than settings may have."""
    names = [f"user:person-number-{one:05d}" for one in range(10_000)]
    groups = "".join(f"  group:{group}: [{', '.join(names[group::10])}]\n" for group in range(10))
    roster = _read("groups:\n" + groups + "".join(f"  group:again-{one}: [{', '.join(names)}]\n" for one in range(19)))
    assert sum(map(len, roster.members.values())) == 200_000
    assert len(asker_of([names[7]], Roster(roster.members, NOW, WEEK), NOW).principals) == 22


def test_a_group_that_is_kept_out_and_not_listed_lets_nobody_in_and_check_says_so(tmp_path: Path) -> None:
    roster = Roster({"group:staff": ("user:ada",), "group:leavers": ()}, NOW, timedelta(days=7))
    ada = asker_of(["user:ada"], roster, NOW)
    for none, is_open in (["group:leavers"], True), (["user:eve"], True), (["group:leaver"], False), ([], True):
        said = AccessExpression.model_validate({"all": [["group:staff"]], "none": none})
        assert Expression.of(said).admits(ada) == is_open, none
    assert Expression.of(["group:staff"]).admits(ada)
    (tmp_path / "groups.yaml").write_text("groups:\n  group:staff: [user:ada]\n  group:leavers: []\n")
    (tmp_path / "docs").mkdir()
    (tmp_path / "freshet.yaml").write_text(
        "roster: {file: groups.yaml}\ncorpora:\n  c:\n    sources:\n      - folder: docs\n        owner: o\n"
        "        acl: {all: [[group:staff]], none: [group:leavers, group:leaver]}\n"
    )
    (note,) = find_notes(tmp_path / "freshet.yaml")
    assert (note.line, note.where) == (7, "corpora.c.sources[0].acl.none[1]")
    assert note.what == "the roster does not say who is in group:leaver, so that nobody may read these"
