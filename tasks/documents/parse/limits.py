"""Limits that a parser process sets itself before it reads: no network, no core dumps, no life after its parent."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from typing import Any

_PR_SET_PDEATHSIG = 1
_MAX_FILE = 2_000_000_000
_NETWORK_EVENTS = frozenset(
    {
        "socket.connect",
        "socket.getaddrinfo",
        "socket.gethostbyname",
        "socket.gethostbyaddr",
        "socket.sendto",
        "socket.sendmsg",
        "socket.bind",
    }
)


def die_with_parent() -> None:
    """Asks the kernel for SIGKILL when the parent dies (on Linux; elsewhere the process notices its closed pipe)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def leave_if_orphaned(parent: int) -> None:
    """Ends the process at once when its parent died before the kernel was asked."""
    if os.getppid() != parent:
        os._exit(0)


def deny_network() -> None:
    """Makes every attempt to use the network fail, for the rest of the process: no parser needs it."""

    def hook(event: str, _arguments: tuple[Any, ...]) -> None:
        if event in _NETWORK_EVENTS:
            raise PermissionError("parser processes have no network")

    sys.addaudithook(hook)


def limit_resources(memory: int) -> None:
    """Bounds what one allocation can take and what a file can grow to, and forbids core dumps.

    The bound on data is wide of the limit, since libraries reserve more than they use: it stops a single
    huge allocation, while the parent, which watches what is really used, enforces the limit itself.
    """
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_FSIZE, _MAX_FILE)
    if sys.platform == "linux":
        _lower(resource.RLIMIT_DATA, _data_size() + memory)


def _lower(what: int, value: int) -> None:
    _soft, hard = resource.getrlimit(what)
    bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(what, (bound, hard))


def _data_size() -> int:
    """Returns the bytes of private writable memory that this process has reserved already."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as status:
        fields = dict(line.split(":", 1) for line in status if ":" in line)
    return int(fields["VmData"].split()[0]) * 1024
