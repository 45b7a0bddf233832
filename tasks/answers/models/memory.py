"""How much memory this process may still take."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil

_RESERVED = 1_000_000_000
"""Addresses that stacks of threads and pools of memory take without using them; a limit on addresses counts them."""


def memory_left() -> int:
    """Bytes that this process may still take: of the machine, of its control group, of its own limit."""
    used = psutil.Process().memory_info()
    left: int = min(psutil.virtual_memory().available, _group() - used.rss, _limit() - used.vms - _RESERVED)
    return max(0, left)


def _group() -> int:
    """Bytes that the control group grants, as in a container started with --memory."""
    try:
        return int(Path("/sys/fs/cgroup/memory.max").read_text("ascii"))
    except (OSError, ValueError):
        return sys.maxsize


def _limit() -> int:
    try:
        import resource
    except ImportError:  # Windows
        return sys.maxsize
    soft: int = resource.getrlimit(resource.RLIMIT_AS)[0]
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft
