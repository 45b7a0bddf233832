"""A client of the Prefect server; what keeps it from working is told with what to type."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from freshet.tasks.errors import FreshetError
from freshet.tasks.settings.addresses import mask_credentials

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient


class ServerError(FreshetError):
    """The Prefect server cannot be reached, or refuses."""


@contextmanager
def open_client() -> Iterator[SyncPrefectClient]:
    """A client of the server that PREFECT_API_URL names.

    Raises:
        ServerError: no server is named, it cannot be reached, or it wants other credentials.
    """
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.exceptions import PrefectHTTPStatusError
    from prefect.settings import PREFECT_API_URL

    address = PREFECT_API_URL.value()
    if not address:
        # Without this, Prefect would start a temporary server, and forget the deployments with it.
        raise ServerError(
            "no Prefect server is named",
            "Type: freshet up, or name one that runs: export PREFECT_API_URL=http://127.0.0.1:4200/api",
        )
    try:
        with get_client(sync_client=True) as client:
            # Not /health, which a server answers to anybody.
            client.request("GET", "/admin/version").raise_for_status()
            yield client
    except PrefectHTTPStatusError as error:
        if error.response.status_code in (401, 403):
            raise ServerError(
                f"the Prefect server at {mask_credentials(address)} refuses: it wants other credentials",
                "Set PREFECT_API_AUTH_STRING to what the server was given as PREFECT_SERVER_API_AUTH_STRING.",
            ) from None
        raise
    except httpx.TransportError as error:
        raise ServerError(
            f"the Prefect server at {mask_credentials(address)} cannot be reached ({type(error).__name__})",
            "Type: freshet up, or set PREFECT_API_URL to the address of a server that runs.",
        ) from None
