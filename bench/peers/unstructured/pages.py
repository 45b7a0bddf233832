"""Times unstructured's fast PDF strategy; run by bench/parsing.py in the environment of this folder's requirements.

    pages.py ROUNDS FILE.pdf ...  →  {"rounds": [{file: seconds}], "characters": {file: count}}

Left out of the times: starting the interpreter, importing, and a first pass over all files. The spaCy model that
unstructured downloads on first use is replaced with a blank English pipeline with sentence borders, which does less and
so favours this side; and the language is given, which saves the detection.
"""

from __future__ import annotations

import json
import os
import sys
import time
from functools import lru_cache
from typing import Any

os.environ["DO_NOT_TRACK"] = "1"


@lru_cache(maxsize=1)
def blank_english() -> Any:
    """Returns an English pipeline that knows the borders of sentences, and nothing else."""
    import spacy

    pipeline = spacy.blank("en")
    pipeline.add_pipe("sentencizer")
    return pipeline


def main() -> None:
    """Times all files in rounds, after a first pass over them, and prints the times as JSON."""
    from unstructured.nlp import tokenize
    from unstructured.partition.pdf import partition_pdf

    tokenize._get_nlp = blank_english
    rounds, files = int(sys.argv[1]), sys.argv[2:]
    characters: dict[str, int] = {}
    times: list[dict[str, float]] = []
    for number in range(rounds + 1):
        seconds = {}
        for file in files:
            began = time.perf_counter()
            elements = partition_pdf(file, strategy="fast", languages=["eng"])
            seconds[file] = time.perf_counter() - began
            characters[file] = sum(len(element.text) for element in elements)
        if number:
            times.append(seconds)
    print(json.dumps({"rounds": times, "characters": characters}))


if __name__ == "__main__":
    main()
