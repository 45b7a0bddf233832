"""Renders what `freshet ask` prints for a person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from freshet.expectations.rules import RULES
from freshet.flows.command.texts.lines import text_of
from freshet.tasks.answers.answer import REFUSALS
from freshet.tasks.answers.exam import MEASURES
from freshet.tasks.answers.numbering import Numbering, doubt_of, place_of

if TYPE_CHECKING:
    from freshet.tasks.answers.answer import Answer, Sentence
    from freshet.tasks.answers.ask import Explained
    from freshet.tasks.search.hits import Hit

_MEANING = {
    "answered": "answered, of those that may be",
    "supported": "sentences without a finding",
    "cited": "answers that cite a document of the golden file",
    "refused": "refused to those who may not read what answers",
}


class Numbered(Numbering):
    """Writes an answer for a person, with a number for each passage that it cites."""

    def sentence_text(self, sentence: Sentence) -> str:
        """A sentence with the numbers of its citations."""
        numbers = "".join(f" [{one}]" for one in self.numbers(sentence))
        doubt = doubt_of(sentence)
        return text_of([f"{sentence.text}{numbers}" + (f" ({doubt})" if doubt else "")])

    def sources_text(self) -> str:
        """The passages that were cited, by number."""
        lines = [""] if self.first else []
        for number, citation in self.first.items():
            hit = citation.passage.hit
            lines += [f"[{number}] {_place(hit, self.span(number))}", f"    {_checked(hit)}"]
        return text_of(lines)


def _place(hit: Hit, chars: tuple[int, int]) -> str:
    """Where a quote stands: its document, the page or the headings that its passage begins below, its characters."""
    cited = [hit.title, *filter(None, [place_of(hit)]), f"characters {chars[0]}–{chars[1]}"]
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
