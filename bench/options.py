"""The options that the benchmarks share: how much is measured, and beside which peers."""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

LEFT_OUT: list[str] = []
"""What this run could not compare with, in words."""


def parse_sized(parser: argparse.ArgumentParser, quick: dict[str, Any], smallest: dict[str, Any]) -> argparse.Namespace:
    """Parses the command line, with `--size` beside the options of the parser.

    Args:
        quick: by name of an option, its default in `make bench-quick`.
        smallest: by name of an option, its default in the tests, which want to know that the script works.
    """
    parser.add_argument(
        "--size", choices=["full", "quick", "smallest"], default="full", help="which defaults; default: %(default)s"
    )
    parser.set_defaults(**{"full": {}, "quick": quick, "smallest": smallest}[parser.parse_known_args()[0].size])
    return parser.parse_args()


def add_peer(parser: argparse.ArgumentParser, name: str) -> None:
    """Adds the option `--peer-python`, the interpreter of a peer's environment."""
    usual = Path(__file__).parents[1] / ".venv-peers" / name / "bin" / "python"
    told = "made by make bench-peers; default: %(default)s"
    parser.add_argument("--peer-python", type=Path, default=usual, help=told)


def peer_at(python: Path | None) -> Path | None:
    """Returns the interpreter of a peer's environment; None, with a word to the user, where it is not there."""
    if python is not None and python.exists():
        return python.absolute()
    leave_out("The peer: its environment is not there (make bench-peers)" if python else "The peer: not in this size")
    return None


def has_library(name: str) -> bool:
    """Returns whether the library of a peer is installed, and tells the user where it is not."""
    found = find_spec(name) is not None
    if not found:
        leave_out(f"{name}: it is not installed (pip install {name})")
    return found


def leave_out(what: str) -> None:
    """Tells the user what is not measured, and keeps it for the last line."""
    if what not in LEFT_OUT:
        LEFT_OUT.append(what)
        print(f"Left out. {what}", file=sys.stderr)
