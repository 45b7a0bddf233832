"""What the Prefect server knows: where a run's page is, and when the next one is due.

Asked over plain HTTP, since loading Prefect takes longer than the question, and would start a server where there is
none. The server is the one of PREFECT_API_URL, or else of Prefect's active profile.
"""

from __future__ import annotations

import base64
import json
import os
import ssl
import threading
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from freshet.tasks.settings.addresses import without_credentials

BUDGET = 2.0
"""Seconds that the server may take, all questions together."""

FLOWS = ("refresh-index", "version-dataset")
_PAGE = 200

ENTRYPOINTS = "freshet.flows."
"""What the entry point of every deployment of this version begins with; versions before 0.2 had none of it."""

OUTDATED = "an earlier version of Freshet made these deployments, and their runs fail: {names}; type: freshet deploy"

State = Literal["answered", "none", "unreachable", "refused"]


@dataclass
class ServerView:
    """What the server said.

    Attributes:
        address: of its API; None where none is configured.
        ui: of its pages.
        message: why it did not answer, in words.
        known: the ids, of those asked for, of runs that it still knows.
        next_runs: by tag (`corpus:NAME`, `dataset:NAME`), the next run that is due: at, name, late, url.
        outdated: names of the project's deployments that an earlier version of Freshet made; their runs cannot start.
    """

    state: State
    address: str | None = None
    ui: str | None = None
    message: str | None = None
    known: set[str] = field(default_factory=set)
    next_runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    outdated: list[str] = field(default_factory=list)

    def page(self, run_id: str | None) -> str | None:
        """Where the pages show a run that the server knows."""
        return f"{self.ui}/runs/flow-run/{run_id}" if run_id in self.known else None

    def as_dict(self) -> dict[str, Any]:
        """JSON-able, without the credentials of the address."""
        address = self.address and without_credentials(self.address)
        said = {"address": address, "state": self.state, "ui": self.ui, "message": self.message}
        return {**said, "outdated": self.outdated}


def ask_server(project_tag: str, run_ids: Iterable[str], budget: float = BUDGET) -> ServerView:
    """Asks the configured server, within so many seconds in all; that it does not answer is an answer.

    Args:
        project_tag: what all deployments of the project are tagged with.
        run_ids: of flow runs whose pages are wanted.
    """
    settings = prefect_settings()
    api = settings.get("PREFECT_API_URL", "").rstrip("/")
    if not api.startswith(("http://", "https://")):
        return ServerView("none", message="no Prefect server is configured; type: freshet up")
    ui = without_credentials(settings.get("PREFECT_UI_URL") or api.removesuffix("/api"))
    view = ServerView("unreachable", api, ui.rstrip("/"), f"the Prefect server did not answer within {budget:g} s")
    found: list[ServerView] = []
    ids = [one for one in run_ids if _is_uuid(one)]
    # Timeouts of single reads do not add up to one of the whole, and looking up a name has none.
    asking = threading.Thread(
        target=lambda: found.append(_ask(api, view.ui, settings, project_tag, ids, budget)), daemon=True
    )
    asking.start()
    asking.join(budget)
    return found[0] if found else view


def prefect_settings() -> dict[str, str]:
    """Prefect's settings about its client: of the environment, or else of the active profile."""
    home = Path(os.environ.get("PREFECT_HOME") or "~/.prefect").expanduser()
    path = Path(os.environ.get("PREFECT_PROFILES_PATH") or home / "profiles.toml").expanduser()
    try:
        profiles: Mapping[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        profiles = {}
    active = os.environ.get("PREFECT_PROFILE") or profiles.get("active", "")
    chosen = (profiles.get("profiles") or {}).get(active) or {}
    stored = {name: str(value) for name, value in chosen.items() if isinstance(value, str | int | bool)}
    return {**stored, **{name: value for name, value in os.environ.items() if name.startswith("PREFECT_")}}


def _ask(
    api: str, ui: str | None, settings: Mapping[str, str], project_tag: str, run_ids: list[str], budget: float
) -> ServerView:
    view = ServerView("answered", api, ui)
    client = _Client(api, settings, budget)
    try:
        for start in range(0, len(run_ids), _PAGE):
            part = {"flow_runs": {"id": {"any_": run_ids[start : start + _PAGE]}}, "limit": _PAGE}
            view.known |= {run["id"] for run in client.post("flow_runs/filter", part)}
        for run in _due_runs(client, project_tag):
            for tag in run["tags"]:
                if tag.startswith(("corpus:", "dataset:")):
                    view.next_runs.setdefault(tag, _due(run, ui))
        view.outdated = _outdated_deployments(client, project_tag)
        if view.outdated:
            view.message = OUTDATED.format(names=", ".join(view.outdated))
    except urllib.error.HTTPError as error:
        refused = error.code in (401, 403)
        message = (
            "the Prefect server wants other credentials: set PREFECT_API_AUTH_STRING"
            if refused
            else f"the Prefect server answered with HTTP {error.code}"
        )
        return ServerView("refused" if refused else "unreachable", api, ui, message)
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = getattr(error, "reason", None) or error
        return ServerView("unreachable", api, ui, f"the Prefect server cannot be reached ({type(reason).__name__})")
    return view


def _due_runs(client: _Client, project_tag: str) -> Iterable[Mapping[str, Any]]:
    """The project's runs that are due or will be, soonest first."""
    asked = {
        "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}, "tags": {"all_": [project_tag]}},
        "flows": {"name": {"any_": list(FLOWS)}},
        "sort": "EXPECTED_START_TIME_ASC",
        "limit": _PAGE,
    }
    offset = 0
    while True:
        page = client.post("flow_runs/filter", {**asked, "offset": offset})
        yield from page
        if len(page) < _PAGE:
            return
        offset += _PAGE


def _outdated_deployments(client: _Client, project_tag: str) -> list[str]:
    """Names of the project's deployments whose entry point is none of this version's."""
    asked = {"deployments": {"tags": {"all_": [project_tag]}}, "sort": "NAME_ASC", "limit": _PAGE}
    found = client.post("deployments/filter", asked)
    return [one["name"] for one in found if not str(one.get("entrypoint") or "").startswith(ENTRYPOINTS)]


def _is_uuid(run_id: str) -> bool:
    try:
        UUID(run_id)
    except ValueError:
        return False
    return True


def _due(run: Mapping[str, Any], ui: str | None) -> dict[str, Any]:
    return {
        "at": datetime.fromisoformat(run["expected_start_time"]),
        "name": run["name"],
        "late": run["state_name"] == "Late",
        "url": f"{ui}/runs/flow-run/{run['id']}",
    }


class _Client:
    """Posts JSON, with what Prefect's own client would show to be let in."""

    def __init__(self, api: str, settings: Mapping[str, str], timeout: float) -> None:
        self._api, self._timeout = api, timeout
        self._headers = {"content-type": "application/json"}
        if secret := settings.get("PREFECT_API_AUTH_STRING"):
            self._headers["authorization"] = "Basic " + base64.b64encode(secret.encode()).decode()
        elif key := settings.get("PREFECT_API_KEY"):
            self._headers["authorization"] = f"Bearer {key}"
        self._context = ssl.create_default_context(cafile=settings.get("PREFECT_API_SSL_CERT_FILE") or None)
        if settings.get("PREFECT_API_TLS_INSECURE_SKIP_VERIFY", "").lower() in ("1", "true"):
            self._context.check_hostname, self._context.verify_mode = False, ssl.CERT_NONE

    def post(self, path: str, body: Mapping[str, Any]) -> list[dict[str, Any]]:
        request = urllib.request.Request(f"{self._api}/{path}", json.dumps(body).encode(), self._headers)
        with urllib.request.urlopen(request, timeout=self._timeout, context=self._context) as answer:
            found: list[dict[str, Any]] = json.loads(answer.read())
        return found
