"""One Prefect server for all benchmarks."""

from __future__ import annotations

from tests.servers import prefect_server

__all__ = ["prefect_server"]
