"""Provenance: who answers for a document, what may be done with it, and which bytes it was."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from freshet.expectations.rules import Rule
from freshet.tasks.documents.checks.subject import Subject, judge
from freshet.tasks.rules.verdicts import Verdict

_SHA256 = re.compile(r"[0-9a-f]{64}")
_NOT_A_NAME = "- ? n/a na none nobody null owner tba tbd todo unknown fixme xxx licence license noassertion"
_PLACEHOLDERS = frozenset({"", *_NOT_A_NAME.split()})
_STATED = ("licence", "license", "spdx_license_identifier")
_WORDLESS = re.compile(r"[\W_]+")
_ONE_LICENCE = (
    {"publicdomain", "uspublicdomain", "pd", "cc0", "cc010"},
    {"apache2", "apache20", "apachelicense20", "apachelicenseversion20"},
    {"mit", "mitlicense", "expat"},
)


def check_provenance(subject: Subject, rules: Mapping[str, Rule]) -> list[Verdict]:
    """PROV-OWNER, PROV-LICENCE, PROV-HASH, PROV-VERSION: what the ledger would not be able to say.

    A placeholder (`TODO`, `unknown`) is no owner and no licence. A document that states another licence than its
    source has two, which is as good as none.
    """
    origin = subject.origin
    if origin is None:
        return []
    verdicts: list[Verdict] = []
    if _is_placeholder(origin.owner):
        verdicts += judge(rules, "PROV-OWNER")
    if _is_placeholder(origin.licence):
        verdicts += judge(rules, "PROV-LICENCE")
    elif _states_another(origin.licence or "", subject.stated):
        # What the document states is its text, which a reader of verdicts may not be allowed to see.
        verdicts += judge(rules, "PROV-LICENCE", problem="the document states another licence than its source")
    if not _SHA256.fullmatch(origin.content_hash or ""):
        verdicts += judge(rules, "PROV-HASH", missing=not origin.content_hash)
    if origin.versioned and not (origin.source_version or "").strip():
        verdicts += judge(rules, "PROV-VERSION")
    return verdicts


def _is_placeholder(name: str | None) -> bool:
    return (name or "").strip(" <>[](){}\t\n").lower() in _PLACEHOLDERS


def _states_another(licence: str, stated: Mapping[str, Any]) -> bool:
    own = next((stated[name] for name in _STATED if isinstance(stated.get(name), str)), None)
    if own is None or _is_placeholder(own):
        return False
    one, other = (_WORDLESS.sub("", text.lower()) for text in (own, licence))
    return one != other and not any({one, other} <= names for names in _ONE_LICENCE)
