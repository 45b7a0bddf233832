"""Reads files with unstructured; run by bench/fidelity.py in the environment of this folder's requirements.

PDFs go through the `fast` strategy, which takes the text that a file holds, and the language is given, which saves the
detection. The spaCy model is replaced as in `pages.py`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ["DO_NOT_TRACK"] = "1"

from pages import blank_english
from unstructured.nlp import tokenize
from unstructured.partition.auto import partition

sys.path.append(str(Path(__file__).parents[1]))

from reading import main


def _read(file: str) -> str:
    return "\n\n".join(element.text for element in partition(file, strategy="fast", languages=["eng"]))


if __name__ == "__main__":
    tokenize._get_nlp = blank_english
    main(_read)
