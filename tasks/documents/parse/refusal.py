"""The error by which a parser refuses a document."""

from __future__ import annotations

from typing import Any

INSTALL_OCR = "pip install 'freshet[ocr]'"
INSTALL_PANDOC = "pip install 'freshet[pandoc]'"


class Refused(Exception):
    """The document is blocked under a rule of the rule book; the run goes on.

    Args:
        code: one of the PARSE rules.
        evidence: kinds, places and sizes; never words of the document.
    """

    def __init__(self, code: str, **evidence: Any) -> None:
        """Takes the rule and its evidence."""
        super().__init__(code)
        self.code = code
        self.evidence = evidence
