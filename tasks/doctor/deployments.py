"""The project's deployments on the Prefect server, where one is configured and answers."""

from __future__ import annotations

from collections.abc import Iterator

from freshet.tasks.doctor.findings import Finding, Patient, finding
from freshet.tasks.status.project import project_tag
from freshet.tasks.status.server import ask_server


def examine_deployments(patient: Patient) -> Iterator[Finding]:
    """Whether every deployment was made by this version of Freshet. A server that does not answer is no finding."""
    view = ask_server(project_tag(patient.project), ())
    if view.outdated:
        yield finding("DOCTOR-DEPLOYMENTS", f"server {view.address}", ", ".join(view.outdated))
