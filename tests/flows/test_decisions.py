"""A refresh acts on what people decided about refused documents, and on how the corpus tuned the rules."""

from __future__ import annotations

from tests.flows.conftest import Project

KEY = "AKIA" + "Z7QK3MPXW2LT5RVB"
GUIDE = "# Access\n\nThe guide for everybody who needs access to the archive begins with an example of a key.\n\n"


def _paths(project: Project) -> dict[str, bool]:
    """Document → whether it is served."""
    return {row["path"]: row["content_hash"] is not None for row in project.ledger().to_pylist()}


def test_an_accepted_version_is_served_and_the_next_one_is_not(project: Project) -> None:
    project.write("key.md", GUIDE + f"The key is {KEY} and it opens nothing.\n")
    first = project.refresh()
    assert (first["quarantine"], _paths(project)) == ({"SECRET-KEY": 1}, {"key.md": False})
    assert project.refresh()["outcome"] == "unchanged"

    project.freshet("quarantine", "docs", "accept", "key.md", "--why", "it opens nothing", "--who", "ada")
    second = project.refresh()
    assert (second["outcome"], second["quarantine"], _paths(project)) == ("released", {}, {"key.md": True})
    assert project.search("access to the archive")["hits"][0]["document"]["uri"].endswith("key.md")
    assert project.refresh()["outcome"] == "unchanged"

    project.write("key.md", GUIDE + f"The new key is {KEY} and it opens nothing.\n")
    third = project.refresh()
    assert third["quarantine"] == {"SECRET-KEY": 1}
    (hit,) = project.search("access to the archive")["hits"]
    assert "new key" not in hit["text"]
    assert hit["stale"]


def test_a_rule_switched_off_lets_in_what_it_kept_out(project: Project) -> None:
    project.write("key.md", GUIDE + f"The key is {KEY} and it opens nothing.\n")
    assert project.refresh()["quarantine"] == {"SECRET-KEY": 1}
    project.settings["corpora"]["docs"]["rules"] = {"SECRET-KEY": {"severity": "off"}}
    project.save()
    assert (project.refresh()["quarantine"], _paths(project)) == ({}, {"key.md": True})


def test_a_retry_is_done_once(project: Project) -> None:
    project.write("empty.txt", "  \n")
    project.write("leave.md", "# Leave\n\nEverybody has thirty days of leave a year.\n")
    project.refresh()
    project.freshet("quarantine", "docs", "retry", "empty.txt")
    from freshet.tasks.ledger.decisions import read_again

    assert len(read_again(project.store, "docs")) == 1
    assert project.refresh()["quarantine"] == {"PARSE-EMPTY": 1}
    assert read_again(project.store, "docs") == frozenset()
