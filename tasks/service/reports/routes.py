"""The addresses of reports, and the page on which a browser shows them.

A browser sends no token when somebody follows a link. So `/page/reports` is a page that anybody may open and that
holds nothing: it fetches a report with the token of its tab, and shows it in a frame that may run no script.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

# Here and not within the function: FastAPI looks up the types of an endpoint among the names of its module.
from fastapi import FastAPI, Request
from starlette.responses import Response

from freshet.tasks.service.caller import NotPermitted, NotThere
from freshet.tasks.service.inline import inline_hash
from freshet.tasks.service.reports.files import HTML, list_reports, read_report

_HEADERS = {
    "Cache-Control": "no-store",
    # Should a browser show it by itself, then without any right: no script, no origin, nothing from elsewhere.
    "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
}


def add_reports(app: FastAPI) -> None:
    """Adds `/reports/`, for owners, and `/page/reports`, which shows what is there."""

    def check_owner(request: Request) -> None:
        # Before anything is looked for: whoever is none learns nothing of what is there.
        if not app.state.desk.is_owner(request.state.caller):
            raise NotPermitted("reports are for owners", "Whoever runs the service names owners in service.owners.")

    @app.get("/page/reports", include_in_schema=False)
    def show() -> Response:
        text, policy = _shell()
        return Response(text, media_type=HTML, headers={"Cache-Control": "no-cache", "Content-Security-Policy": policy})

    @app.get("/reports/", tags=["reports"], summary="A page that lists all reports; for owners")
    def listing(request: Request) -> Response:
        check_owner(request)
        return Response(list_reports(app.state.desk.store), media_type=HTML, headers=_HEADERS)

    @app.get("/reports/{path:path}", tags=["reports"], summary="A report of a refresh or the card of a dataset version")
    def report(request: Request, path: str) -> Response:
        check_owner(request)
        found = read_report(app.state.desk.store, path)
        if found is None:
            raise NotThere("there is no such report", "See which there are at /reports/.")
        return Response(found[1], media_type=found[0], headers=_HEADERS)


@cache
def _shell() -> tuple[bytes, str]:
    """The page that shows reports, and its policy: its own script runs, and no other."""
    text = (Path(__file__).parent / "reports.html").read_bytes()
    return text, (
        f"default-src 'none'; script-src {inline_hash(text, 'script')}; style-src 'unsafe-inline'; img-src data:; "
        "connect-src 'self'; frame-src blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )
