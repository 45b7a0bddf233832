"""Where the service shows what a run has written: links for people who look at Prefect's pages."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from freshet.tasks.runs.local_server import read_note, server_folder

if TYPE_CHECKING:
    from freshet.tasks.settings.file import Project


def service_address(project: Project) -> str | None:
    """Address at which people reach the service: what the settings say, or else where `freshet up` started it.

    Returns:
        The address without a slash at its end; None where neither is so.
    """
    if said := project.settings.service.url:
        return said.rstrip("/")
    note = read_note(server_folder(project))
    return note.service_url if note and note.service and note.service.is_alive() else None


def report_link(service: str | None, store: str, address: str) -> str | None:
    """The link to a page about a refresh.

    Args:
        service: address of the service; None where it is not known.
        store: address of the store.
        address: of the page, in the store.
    """
    folder = f"{store}/reports/"
    if service is None or not address.startswith(folder):
        return None
    return f"{service}/page/reports#corpora/{quote(address.removeprefix(folder))}"


def card_link(service: str | None, dataset: str, version: str) -> str | None:
    """The link to the card of a dataset version; None where the service's address is not known."""
    return None if service is None else f"{service}/page/reports#datasets/{quote(dataset)}/{quote(version)}/README.md"
