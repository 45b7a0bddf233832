"""The rule book as a corpus or a dataset has tuned it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from hashlib import sha256
from typing import Any

from freshet.expectations.document_rules import DOCUMENT_RULES
from freshet.expectations.rules import RULES, Rule
from freshet.tasks.rules.verdicts import Verdict
from freshet.tasks.settings.datasets import Dataset
from freshet.tasks.settings.project import Corpus

METHOD = 2
"""How documents are checked. It goes up when a check changes its mind, so that every document is judged anew."""

_JUDGES = ("detect-secrets", "ftfy", "phonenumbers", "py3langid", "python-stdnum")
"""Libraries whose new versions may judge otherwise."""


def tuned_rules(settings: Corpus | Dataset) -> dict[str, Rule]:
    """Code → rule with the severity and threshold of a corpus or dataset; without those that are switched off."""
    tuned: dict[str, Rule] = {}
    for code, rule in RULES.items():
        wanted = settings.rules.get(code)
        if wanted is None:
            tuned[code] = rule
        elif wanted.severity != "off":
            threshold = rule.threshold if wanted.threshold is None else wanted.threshold
            tuned[code] = replace(rule, severity=wanted.severity or rule.severity, threshold=threshold)
    return tuned


def retuned(verdicts: Iterable[Verdict], rules: Mapping[str, Rule]) -> list[Verdict]:
    """Verdicts given with default severities, with those of the corpus instead; none under rules that are off."""
    return [replace(one, severity=rules[one.code].severity) for one in verdicts if one.code in rules]


def rules_fingerprint(corpus: Corpus) -> str:
    """16 hex digits over all that decides which verdicts a document gets; under others it is judged anew."""
    from importlib.metadata import version

    tuned = tuned_rules(corpus)
    own = [tuned[rule.code] for rule in DOCUMENT_RULES if rule.code in tuned]
    shaping = {
        "method": METHOD,
        "rules": sorted((rule.code, rule.severity, _number(rule.threshold)) for rule in own),
        "languages": sorted(set(corpus.languages)),
        "regions": sorted(set(corpus.regions)),
        "judges": [version(name) for name in _JUDGES],
    }
    return sha256(json.dumps(shaping, sort_keys=True).encode()).hexdigest()[:16]


def _number(threshold: float | None) -> float | None:
    return None if threshold is None else float(threshold)  # 10 and 10.0 are one threshold and two texts


def rule_rows(settings: Corpus | Dataset | None = None) -> list[dict[str, Any]]:
    """`code`, `severity`, `threshold`, `why`, `mend` of every rule; as tuned, where a corpus or dataset is given.

    The severity of a rule that is switched off is `off`.
    """
    tuned = RULES if settings is None else tuned_rules(settings)
    return [
        asdict(tuned[code]) if code in tuned else {**asdict(rule), "severity": "off"} for code, rule in RULES.items()
    ]
