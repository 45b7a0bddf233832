"""Reads files with Kreuzberg; run by bench/fidelity.py in the environment of this folder's requirements.

Its cache is off, since every round reads the same files. What it leaves out unless told otherwise (headers, footers,
lines that repeat) is read. Recognition of scanned pages is off, as it is for all tools.
"""

from __future__ import annotations

import sys
from pathlib import Path

from kreuzberg import ContentFilterConfig, ExtractionConfig, extract_file_sync

sys.path.append(str(Path(__file__).parents[1]))

from reading import main

_ALL = ContentFilterConfig(
    include_headers=True, include_footers=True, include_watermarks=True, strip_repeating_text=False
)
_CONFIG = ExtractionConfig(use_cache=False, disable_ocr=True, content_filter=_ALL)


def _read(file: str) -> str:
    return extract_file_sync(file, config=_CONFIG).content


if __name__ == "__main__":
    main(_read)
