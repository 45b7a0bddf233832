"""The page at `/`: one static file that asks the service as whoever signs in, and may do nothing else."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI, Request, Response

from freshet.tasks.service.inline import inline_hash
from freshet.tasks.settings.service import Service


@cache
def page_text() -> bytes:
    """The file as it is sent: nothing is filled in, so that what its policy names can be computed once."""
    return files(__name__).joinpath("page.html").read_bytes()


def policy(issuer: str | None) -> str:
    """What the browser lets the page do: run its own script, and talk to the service and the identity provider.

    Markup cannot be made out of text (`require-trusted-types-for`), whatever the script might be brought to try.

    Args:
        issuer: address of the identity provider; None where nobody signs in with one.
    """
    at = urlsplit(issuer or "")
    provider = f" {at.scheme}://{at.netloc}" if at.scheme in ("http", "https") and _HOST.fullmatch(at.netloc) else ""
    script, style = inline_hash(page_text(), "script"), inline_hash(page_text(), "style")
    return (
        f"default-src 'none'; script-src {script}; style-src {style}; connect-src 'self'{provider}; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )


_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(:[0-9]+)?")
"""A host that may stand in a policy: a blank or a semicolon would begin another part of it."""


def add_page(app: FastAPI) -> None:
    """Adds `/`, the page, and `/page/settings.json`, what it has to know before anybody has signed in."""

    @app.get("/", include_in_schema=False)
    def page(request: Request) -> Response:
        oidc = _settings(request).oidc
        headers = {
            "Content-Security-Policy": policy(oidc.issuer if oidc and oidc.client_id else None),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cache-Control": "no-cache",
        }
        return Response(page_text(), media_type="text/html", headers=headers)

    @app.get("/page/settings.json", include_in_schema=False)
    def settings(request: Request) -> dict[str, Any]:
        said = _settings(request)
        oidc = said.oidc
        known = oidc is not None and oidc.client_id is not None
        return {
            "anonymous": said.anonymous,
            "oidc": oidc.model_dump(include={"issuer", "client_id", "audience"}) if oidc and known else None,
        }


def _settings(request: Request) -> Service:
    found: Service = request.app.state.desk.project.settings.service
    return found
