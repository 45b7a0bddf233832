"""Reads files with MarkItDown; run by bench/fidelity.py in the environment of this folder's requirements."""

from __future__ import annotations

import sys
from pathlib import Path

from markitdown import MarkItDown

sys.path.append(str(Path(__file__).parents[1]))

from reading import main

_CONVERTER = MarkItDown(enable_plugins=False)


def _read(file: str) -> str:
    return _CONVERTER.convert(file).markdown


if __name__ == "__main__":
    main(_read)
