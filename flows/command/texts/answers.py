"""Renders what `freshet ask` prints for a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from freshet.expectations.rules import RULES
from freshet.flows.command.texts.lines import text_of
from freshet.tasks.answers.answer import REFUSALS
from freshet.tasks.answers.exam import MEASURES

if TYPE_CHECKING:
    from freshet.tasks.answers.answer import Answer, Citation, Sentence
    from freshet.tasks.answers.ask import Explained
    from freshet.tasks.search.retrieve import Hit

_MEANING = {
    "answered": "answered, of those that may be",
    "supported": "sentences without a finding",
    "cited": "answers that cite a document of the golden file",
    "refused": "refused to those who may not read what answers",
}


class Numbered:
    """Numbers the passages that an answer cites, in the order in which a reader meets them."""

    def __init__(self) -> None:
        """Begins at 1."""
        self._numbers: dict[tuple[str, tuple[int, int]], int] = {}
        self._spans: dict[int, tuple[int, int]] = {}
        self.first: list[Citation] = []

    def number(self, citation: Citation) -> int:
        """The number of the passage that is cited."""
        hit = citation.passage.hit
        place = (hit.doc_id, hit.chars)
        if place not in self._numbers:
            self._numbers[place] = len(self._numbers) + 1
            self.first.append(citation)
        number = self._numbers[place]
        start, end = self._spans.get(number, citation.chars)
        self._spans[number] = min(start, citation.chars[0]), max(end, citation.chars[1])
        return number

    def sentence_text(self, sentence: Sentence) -> str:
        """A sentence with the numbers of its citations."""
        numbers = "".join(f" [{one}]" for one in dict.fromkeys(map(self.number, sentence.citations)))
        unsupported = [code for code in sentence.findings if code.endswith("-UNSUPPORTED")]
        unjudged = "SUPPORT-UNJUDGED" in sentence.findings
        said = ", ".join(unsupported) or ("not judged" if unjudged else "")
        doubt = f" ({said}: compare it with its source)" if said else ""
        return text_of([f"{sentence.text}{numbers}{doubt}"])

    def sources_text(self) -> str:
        """The passages that were cited, by number."""
        lines = [""] if self.first else []
        for number, citation in enumerate(self.first, 1):
            start, end = self._spans[number]
            lines += [
                f"[{number}] {_place(citation.passage.hit, (start, end))}",
                f"    {_checked(citation.passage.hit)}",
            ]
        return text_of(lines)


def _place(hit: Hit, chars: tuple[int, int]) -> str:
    """Where a quote stands: its document, the page or the headings that its passage begins below, its characters."""
    place = f"page {hit.page}" if hit.page else (hit.heading or "").removeprefix(hit.title).removeprefix(" > ")
    cited = [hit.title, *([place] if place else []), f"characters {chars[0]}–{chars[1]}"]
    return ", ".join(cited) + (" — stale" if hit.stale else "")


def _checked(hit: Hit) -> str:
    return f"{hit.uri} at {(hit.source_version or '')[:12]}, verified {hit.verified_at:%Y-%m-%d}"


def outcome_text(answer: Answer) -> str:
    """How a question ended: a refusal and its reason, and in either case what answered."""
    lines = [] if answer.reason is None else [f"{REFUSALS[answer.reason]} ({answer.reason})"]
    kept_back = f", {sum(answer.withheld.values())} findings kept sentences back" if answer.withheld else ""
    cut = ", cut short" if answer.finish in ("length", "time", "astray", "failed") and answer.reason is None else ""
    done = f"{answer.outcome} from release {answer.release} by {answer.model} in {answer.seconds:.1f} s"
    return text_of([*lines, f"({done}{kept_back}{cut}; id {answer.id})"])


def explained_text(found: Explained) -> str:
    """What an answer came from: the passages, how likely it was that they answer, and what was found."""
    answer, draft = found.answer, found.draft
    lines = [
        "",
        f"how likely it is that these passages answer: {draft.score:.3f}; the floor is {found.floor:.3f}",
        *(f"  {hit.score:.3f}  {_place(hit, hit.chars)}" for hit in found.hits),
    ]
    if not found.hits:
        lines.append("  none was found that may be shown")
    if answer.left_out:
        lines.append(f"{answer.left_out} of them had no room in the prompt")
    for code, count in answer.withheld.items():
        lines.append(f"kept back: {count} × {code}: {RULES[code].why}")
    for number, sentence in enumerate(answer.sentences, 1):
        codes = "".join(f", {code}" for code in sentence.findings)
        lines.append(f"sentence {number}: support {sentence.support:.3f}{codes}")
    if answer.prompt:
        used = answer.usage
        lines.append(
            f"prompt {answer.prompt}; {used.prompt_tokens or '?'} tokens in, {used.completion_tokens or '?'} out"
        )
    return text_of(lines)


def exam_text(found: Mapping[str, Any]) -> str:
    """How the golden questions were answered."""
    lines = [f"{found['corpus']}: golden questions asked of release {found['release']}, answered by {found['model']}"]
    for name in MEASURES:
        one = found["measures"][name]
        share = "none to ask" if one["share"] is None else f"{one['share']:.1%} of {one['asked']}"
        lines.append(f"  {name:10} {share:>16}  {_MEANING[name]}")
    for name, missed in found["missed"].items():
        lines += [f"  not {name}: {one['question']} ({one['id']})" for one in missed]
    lines += [f"  set aside, {reason}: {one}" for one, reason in found["set_aside"].items()]
    lines += [f"  SHOWN what must never be shown: {one} ({doc_id})" for one, doc_id in found["shown"].items()]
    return text_of(lines)
