"""A corpus, refreshed: what a data engineer does on the first day."""

from __future__ import annotations

from tests.flows.conftest import Project


def test_a_second_refresh_of_unchanged_sources_writes_nothing(project: Project) -> None:
    """Promise 2 of the refresh."""
    project.write("leave.md", "# Leave\n\nEverybody has thirty days of leave a year.\n")
    project.write("travel.md", "# Travel\n\nBook trains before planes.\n")
    first = project.refresh()
    assert (first["outcome"], first["release"], first["documents"]["added"]) == ("released", 1, 2)
    before = project.versions()
    second = project.refresh()
    assert (second["outcome"], second["texts_embedded"], second["documents"]["unchanged"]) == ("unchanged", 0, 2)
    assert project.versions() == before


def test_an_answer_cites_document_heading_and_characters(project: Project) -> None:
    text = "# Leave\n\nEverybody has thirty days of leave a year.\n"
    project.write("leave.md", text)
    project.refresh()
    (hit,) = project.search("How many days of leave?")["hits"]
    start, end = hit["citation"]["chars"]
    assert "thirty days" in hit["text"]
    assert (hit["document"]["uri"], hit["document"]["title"], hit["stale"]) == ("docs/leave.md", "Leave", False)
    assert hit["citation"]["heading"] == "Leave"
    assert end - start == len(hit["text"])
