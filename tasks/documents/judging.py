"""Holds a parsed document against the rules of its corpus, and the decisions that people made about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from freshet.tasks.governance.freshness import MOMENTS
from freshet.tasks.rules.verdicts import Verdict

if TYPE_CHECKING:
    from freshet.tasks.documents.chunking.chunk import Chunk
    from freshet.tasks.documents.elements import ParsedDocument
    from freshet.tasks.runs.run import RefreshRun


@dataclass(frozen=True)
class Judgement:
    """What is to be said of a document.

    Attributes:
        verdicts: those of the checks; an accepted one no longer blocks.
        review_by, valid_until: moments that the document states about itself.
    """

    verdicts: list[Verdict]
    review_by: datetime | None
    valid_until: datetime | None


class Judge:
    """The rules of a corpus, as tuned, and what was accepted in spite of them; read once a batch."""

    def __init__(self, run: RefreshRun) -> None:
        """Reads the tuned rules and what was accepted, once for a batch."""
        from freshet.tasks.ledger.decisions import accepted
        from freshet.tasks.rules.rulebook import tuned_rules

        self._run = run
        self._rules = tuned_rules(run.settings)
        self._accepted = accepted(run.store, run.corpus)

    def judge(
        self, planned: dict[str, Any], content_hash: str, document: ParsedDocument, chunks: Iterable[Chunk]
    ) -> Judgement:
        """The judgement on a document's new version.

        Args:
            planned: its row of the plan.
        """
        from freshet.tasks.documents.checks import Origin, Subject, check_document
        from freshet.tasks.documents.checks.dates import stated_moments
        from freshet.tasks.documents.planning.altered import altered_in_secret

        settings = self._run.settings
        subject = Subject(
            path=planned["path"],
            parsed=document,
            as_of=self._run.as_of,
            chunks=[(chunk.start, chunk.end) for chunk in chunks],
            modified_at=planned["modified_at"],
            languages=tuple(settings.languages),
            regions=tuple(settings.regions),
            origin=Origin(
                planned["owner"],
                planned["licence"],
                content_hash,
                planned["source_version"],
                versioned=planned["source_version"] is not None,
            ),
        )
        accepted = self._accepted.get((planned["doc_id"], content_hash), frozenset())
        verdicts = [
            replace(v, severity="warn") if v.severity == "block" and v.code in accepted else v
            for v in check_document(subject, self._rules)
            # These hold from a moment on, which the ledger keeps: they begin on time, whether or not a refresh runs.
            if v.code not in MOMENTS
        ]
        altered = altered_in_secret(planned, content_hash)
        if altered and "PROV-ALTERED" in self._rules:
            verdicts.append(replace(altered, severity=self._rules["PROV-ALTERED"].severity))
        return Judgement(verdicts, *stated_moments(subject, self._rules))
