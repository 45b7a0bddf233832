"""Renders the rules as the command prints them, and the page of the documentation about them.

`python -m freshet.flows.command.texts.rules > docs/rules.md` writes the page.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from freshet.expectations.rules import RULES
from freshet.tasks.render.markdown import code, table
from freshet.tasks.rules.rulebook import rule_rows

RULES_HEAD = ("rule", "severity", "threshold", "why", "what to do")


RULES_INTRODUCTION = """# Rules

Every rule that documents, chunks and releases, rows and dataset versions are held to. `freshet rules` prints the
same; with `--corpus` or `--dataset`, what that has made of it. `block` keeps an item out, or readers where they are;
`warn` lets it in with a mark; `note` only records. Severity and threshold are tuned in
[the settings](configuration.md#a-rules-tuning).

This page is generated: `python -m freshet.flows.command.texts.rules > docs/rules.md`."""


RULES_KEPT = """## What cannot be tuned

Some severities are not for settings to choose:"""


RULES_FLOODS = """## Floods

`SAFETY-FLOODING` compares what passages open with: a title, a heading, or one of the first three sentences. It counts
the documents of one source whose openings share their words, whose passages lie close together in the embedding space,
and whose texts differ; they may have come in one refresh or in many. Of floods as PoisonedRAG makes them, five times a
question and then an answer that a language model wrote, it notices nine out of ten. Answers without the question before
them mostly pass, and so do some paraphrases. Honest documents that it marks are versions of one page that differ by
more than a third, and forms that begin with the same long sentence. Hence it warns and keeps nothing out. The figures
stand in `bench/README.md`."""


def rules_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Renders the rules, each with its reason and what to do."""
    lines = []
    for row in rows:
        threshold = "" if row["threshold"] is None else f" {row['threshold']:.15g}"
        lines.append(f"{row['code']}  {row['severity']}{threshold}\n    {row['why']}\n    {row['mend']}")
    return "\n".join(lines) + "\n"


def rules_page(rows: Sequence[Mapping[str, Any]]) -> str:
    """Renders docs/rules.md."""
    from freshet.expectations.fixed_rules import SEVERITIES, choices

    def cells(row: Mapping[str, Any]) -> list[object]:
        threshold = "" if row["threshold"] is None else f"{row['threshold']:.15g}"
        return [code(row["code"]), row["severity"], threshold, row["why"], row["mend"]]

    fixed: dict[tuple[str, str], list[str]] = {}
    for rule in (RULES[row["code"]] for row in rows):
        allowed, reason = choices(rule)
        if allowed != SEVERITIES:
            fixed.setdefault((" or ".join(allowed), reason), []).append(code(rule.code))
    kept = [f"- {', '.join(codes)}: {allowed} only, since {reason}." for (allowed, reason), codes in fixed.items()]
    return (
        "\n\n".join(
            [
                RULES_INTRODUCTION,
                table(RULES_HEAD, [cells(row) for row in rows]),
                RULES_KEPT,
                "\n".join(kept),
                RULES_FLOODS,
            ]
        )
        + "\n"
    )


def main() -> None:
    """Writes docs/rules.md to standard output."""
    sys.stdout.write(rules_page(rule_rows()))


if __name__ == "__main__":
    main()
