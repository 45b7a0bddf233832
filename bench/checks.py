"""What the document checks find of planted defects, and what they find in clean documents and in the handbook.

    .venv/bin/python bench/checks.py [--documents 40]

The planted corpus is the same on every run (`planting.py`, `defects.py`). Under each rule it has documents with the
defect, in several forms and at several places, and as many clean documents that come as near to the defect as honest
documents do. Recall is the share of the defective documents that the rule finds; a clean document that the rule finds
is a false positive. A planted document that another rule finds is a false positive of that rule, unless the defect is
also that of the other rule (`BRINGS`).

Files are written and parsed as a refresh does it, hidden text included; only the chunks are made up.
"""

from __future__ import annotations

import argparse
import random
import re
import tarfile
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from common import data_folder, print_table, write_results
from defects import BRINGS, FORMS, NOW
from options import parse_sized
from planting import Form, prose

from freshet.expectations.document_rules import DOCUMENT_RULES
from freshet.tasks.documents.checks import Origin, Subject, check_document
from freshet.tasks.documents.elements import ParsedDocument

RULES = {rule.code: rule for rule in DOCUMENT_RULES}
HANDBOOK_NOW = datetime(2024, 8, 1, tzinfo=UTC)
"""The moment at which the handbook is checked."""

HANDBOOK_HOLDS = {"PERSONAL-EMAIL": 81, "PERSONAL-PHONE": 19, "SAFETY-COMMENT": 6, "SAFETY-ZEROWIDTH": 2}
"""By code, the number of documents that hold such a thing, as others counted them in the raw files."""


def main() -> None:
    """Measures planted documents and the handbook."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument(
        "--documents", type=int, default=40, help="with each defect, and as many clean ones near to it"
    )
    chosen = parse_sized(arguments, {"documents": 10}, {"documents": 1})
    found = planted(chosen.documents)
    rules = found["rules"].values()
    ratios = {
        "planted defects found": sum(rule["recall"] for rule in rules) / len(rules),
        "false positives / documents": sum(rule["false_positives"] for rule in rules) / found["documents"],
    }
    write_results("checks", chosen.size, ratios, {"planted": found, "handbook": handbook()})


def planted(count: int) -> dict[str, Any]:
    """Returns recall and false positives under each rule, over all planted documents.

    Args:
        count: documents with each defect, and as many clean ones that come near to it.
    """
    found: Counter[str] = Counter()
    wrong: dict[str, Counter[str]] = {code: Counter() for code in RULES}
    clean = 0
    with tempfile.TemporaryDirectory() as folder:
        for code, (bad, good) in FORMS.items():
            for is_bad, forms in ((True, bad), (False, good)):
                for number in range(count):
                    codes = _codes(Path(folder), f"{code}-{is_bad}-{number}", forms[number % len(forms)])
                    found[code] += is_bad and code in codes
                    clean += not is_bad
                    allowed = BRINGS.get(code, set()) | ({code} if is_bad else set())
                    for other in codes - allowed:
                        wrong[other][f"{code} {'defect' if is_bad else 'clean'}"] += 1
    rows = [[code, found[code] / count, sum(wrong[code].values()), ", ".join(wrong[code]) or "–"] for code in FORMS]
    documents = 2 * count * len(FORMS)
    print_table(
        ["rule", "recall", "false positives", "on"],
        rows,
        f"{documents} planted documents, {count} with each defect, {clean} clean",
    )
    return {"documents": documents, "rules": {row[0]: {"recall": row[1], "false_positives": row[2]} for row in rows}}


def _codes(folder: Path, name: str, form: Form) -> set[str]:
    """Returns the codes of the verdicts on a planted document, which is written to a file and parsed."""
    chosen = random.Random(name)
    made = form(chosen, prose(chosen))
    front = "".join(f"{key}: {value}\n" for key, value in made.front.items())
    text = f"---\n{front}---\n{made.text}" if front else made.text
    file = folder / f"document.{made.suffix}"
    file.write_text(text, "utf-8")
    parsed = _parsed(file, text)
    changed = {"cover": 1.0, **made.changed}
    chunks = [(0, round(changed.pop("cover") * len(parsed.text)))]
    subject = Subject(file.name, parsed, NOW, chunks=chunks, modified_at=NOW - timedelta(days=9), languages=("en",),
                      origin=Origin("travel", "CC0-1.0", "a" * 64))  # fmt: skip
    return {verdict.code for verdict in check_document(replace(subject, **changed), RULES)}


def _parsed(file: Path, text: str) -> ParsedDocument:
    """Parses the file, with what is hidden in it."""
    from freshet.tasks.documents.parse.adapter import prepare
    from freshet.tasks.documents.parse.hidden import hidden_in_html, hidden_in_markdown
    from freshet.tasks.documents.parse.markdown import parse_markdown
    from freshet.tasks.documents.parse.markup import parse_html

    if file.suffix == ".html":
        prepare("html")
        document, hidden = parse_html(str(file)), hidden_in_html(text)
    else:
        document, hidden = parse_markdown(str(file)), hidden_in_markdown(text)
    return replace(document, properties={**document.properties, "hidden": hidden}) if hidden else document


def handbook() -> dict[str, Any]:
    """Returns the findings under each rule on the public handbook, and what the checks cost."""
    found: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    subjects = dict(_handbook_subjects())
    for subject in subjects.values():  # everything imported and compiled
        check_document(subject, RULES)
    began = time.process_time()
    for path, subject in subjects.items():
        for verdict in check_document(subject, RULES):
            found.setdefault(verdict.code, []).append((path, verdict.evidence))
    cost = (time.process_time() - began) / len(subjects) * 1000
    rows = [[code, RULES[code].severity, len(found.get(code, [])), HANDBOOK_HOLDS.get(code)] for code in RULES]
    print_table(
        ["rule", "severity", "documents", "said to hold"],
        rows,
        f"The handbook: {len(subjects)} documents, {cost:.2f} ms of processor time each",
    )
    for code, findings in found.items():
        if not code.startswith("PERSONAL"):
            print_table(
                ["document", "evidence"], [[path, str(evidence)[:110]] for path, evidence in findings[:10]], code
            )
    _explain(subjects, {code: {path for path, _ in findings} for code, findings in found.items()})
    return {
        "documents": len(subjects),
        "milliseconds_a_document": cost,
        "findings": {code: [path for path, _ in paths] for code, paths in found.items()},
    }


def _explain(subjects: dict[str, Subject], found: dict[str, set[str]]) -> None:
    """Prints documents that a search of the raw files counts and the rules do not find, to show why."""
    import phonenumbers

    rows = []
    for path, raw in _handbook_files():
        mails = re.findall(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+", raw)
        phones = [match.raw_string for match in phonenumbers.PhoneNumberMatcher(raw, "US")]
        for code, seen in (("PERSONAL-EMAIL", mails), ("PERSONAL-PHONE", phones)):
            if path in subjects and seen and path not in found.get(code, set()):
                at = raw.index(seen[0])
                around = raw[max(0, at - 40) : at + len(seen[0]) + 5]
                rows.append([code, path.rpartition("/")[2], " ".join(around.split())])
    print_table(["rule", "document", "what stands in the file"], rows, "In the raw file, and no finding")


def _handbook_files() -> Iterator[tuple[str, str]]:
    with tarfile.open(data_folder() / "handbook" / "before.tar.gz") as archive:
        for member in archive:
            file = archive.extractfile(member) if member.name.endswith(".md") else None
            if file:
                yield member.name.removeprefix("./"), file.read().decode("utf-8")


def _handbook_subjects() -> Iterator[tuple[str, Subject]]:
    from freshet.tasks.documents.parse.refusal import Refused

    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(data_folder() / "handbook" / "before.tar.gz") as archive:
            archive.extractall(folder, filter="data")
        for file in sorted(Path(folder).rglob("*.md")):
            try:
                document = _parsed(file, file.read_text("utf-8"))
            except Refused:  # front matter and nothing else: a page that redirects
                continue
            path = str(file.relative_to(folder))
            yield (
                path,
                Subject(
                    path,
                    document,
                    HANDBOOK_NOW,
                    chunks=[(0, len(document.text))],
                    modified_at=HANDBOOK_NOW - timedelta(days=9),
                    languages=("en",),
                    origin=Origin("18F", "CC0-1.0", "a" * 64),
                ),
            )


if __name__ == "__main__":
    main()
