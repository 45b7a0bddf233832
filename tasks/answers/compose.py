"""Makes an answer of passages: floor, prompt, model, citations and support, in that order.

Where the passages come from is not known here: from a release, or from the head that the gate examines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from freshet.expectations.rules import RULES, Rule
from freshet.tasks.answers.answer import (
    MODEL_DECLINED,
    MODEL_FAILED,
    NO_SUPPORT,
    NOT_COVERED,
    Citation,
    Passage,
    Sentence,
)
from freshet.tasks.answers.extractive import quote_best
from freshet.tasks.answers.models.model import Usage
from freshet.tasks.answers.packing import pack
from freshet.tasks.answers.reading import Reading, read_passages
from freshet.tasks.answers.statements import is_statement, without_number
from freshet.tasks.answers.stream import Drafted, SentenceStream
from freshet.tasks.answers.support.judge import judge
from freshet.tasks.answers.support.quoting import supporting_span
from freshet.tasks.errors import ModelFailed
from freshet.tasks.rules.rulebook import retuned
from freshet.tasks.rules.verdicts import Verdict, verdict
from freshet.tasks.text.normalise import normalise

if TYPE_CHECKING:
    from freshet.tasks.answers.models.model import Generation, Message, Model
    from freshet.tasks.answers.prompt import Prompt
    from freshet.tasks.embedding.vectors import Vectors
    from freshet.tasks.search.hits import Hit

HITS = 8
"""Passages that are looked at for an answer."""

ASTRAY = 4
"""After so many sentences in a row that were kept back, a model has lost its way, and is ended."""


@dataclass(frozen=True)
class Writer:
    """By what an answer is written.

    Attributes:
        model: None quotes the best sentences (`extractive`).
        prompt: what the model is told.
        context_tokens, max_tokens: longest prompt and answer together, and longest answer, in tokens of the model.
        most_passages: how many passages the model is given, at most.
    """

    model: Model | None
    prompt: Prompt
    context_tokens: int
    max_tokens: int
    most_passages: int = HITS

    @property
    def name(self) -> str:
        """What the record says of the model."""
        return "extractive" if self.model is None else self.model.name


@dataclass
class Draft:
    """An answer in the making.

    Attributes:
        reason: why it is refused, a key of `REFUSALS`; None where it is answered.
        withheld: by code, how many sentences a finding kept back.
        held_back: how many sentences were kept back, by whatever findings.
        said: normal forms of the model's sentences that were let go, without the numbers of a list.
        score: how likely it is that the passages answer, from 0 to 1.
        passages: those that the answer might cite.
        left_out: passages that the prompt had no room for.
        finish: why the model ended: stop, length, time, astray (it was ended, since sentence after sentence was kept
            back) or failed; None where none was asked.
        detail: in words, what a model did that failed.
    """

    score: float
    sentences: list[Sentence] = field(default_factory=list)
    reason: str | None = None
    withheld: Counter[str] = field(default_factory=Counter)
    held_back: int = 0
    said: set[str] = field(default_factory=set)
    passages: list[Passage] = field(default_factory=list)
    left_out: int = 0
    usage: Usage = field(default_factory=Usage)
    finish: str | None = None
    detail: str | None = None


def compose(
    question: str,
    hits: Sequence[Hit],
    vector: Vectors,
    embed: Callable[[Sequence[str]], Vectors],
    writer: Writer,
    floor: float,
    *,
    rules: Mapping[str, Rule] = RULES,
    let_go: Callable[[Sentence], None] = lambda _: None,
) -> Draft:
    """Answers a question from passages and from nothing else.

    Args:
        hits: what was found for whoever asks, best first. Nothing else is looked at.
        vector: of the question, in the space of `embed`.
        embed: texts → vectors, shape (texts, dimension).
        floor: the least score at which an answer is tried.
        rules: as the corpus has tuned them.
        let_go: is given each sentence as soon as it has been checked, before the next one is written.
    """
    reading = read_passages(question, vector, hits, embed)
    draft = Draft(reading.score)
    if not hits or reading.score < floor:
        draft.reason = NOT_COVERED
        return draft
    if writer.model is None:
        _quote(draft, reading, hits, rules, let_go)
    else:
        _generate(draft, question, hits, writer, writer.model, rules, let_go)
    if not draft.sentences and draft.reason is None:
        draft.reason = NO_SUPPORT if draft.withheld else NOT_COVERED
    return draft


def _quote(
    draft: Draft,
    reading: Reading,
    hits: Sequence[Hit],
    rules: Mapping[str, Rule],
    let_go: Callable[[Sentence], None],
) -> None:
    draft.passages = [Passage("", hit) for hit in hits]
    for quoted in quote_best(reading, hits):
        passage = draft.passages[quoted.passage]
        # Held against its own passage alone: a quote cites the place that it is from, and no other one.
        judgement = judge(quoted.text, [passage.context], [0], rules)
        citation = _citation(passage, quoted.span)
        _admit(draft, quoted.text, judgement.score, judgement.findings, [citation], let_go)


def _generate(
    draft: Draft,
    question: str,
    hits: Sequence[Hit],
    writer: Writer,
    model: Model,
    rules: Mapping[str, Rule],
    let_go: Callable[[Sentence], None],
) -> None:
    generation: Generation | None = None
    try:
        # To count tokens, too, a model may have to be loaded.
        draft.passages, messages = _fit(draft, question, hits, writer, model)
        if not draft.passages:
            raise ModelFailed(
                "no passage has room in the prompt: raise generation.context_tokens, or shorten the prompt"
            )
        positions = {passage.key: number for number, passage in enumerate(draft.passages)}
        contexts = [passage.context for passage in draft.passages]
        generation = model.generate(messages, writer.max_tokens)
        stream = SentenceStream(positions)
        in_vain, items = 0, {0}
        for drafted in _drafted(stream, generation):
            if not is_statement(drafted, draft.passages):
                continue
            cited = [positions[key] for key in drafted.keys]
            said = without_number(drafted.text, items)
            judgement = judge(said, contexts, cited, rules)
            unknown = [verdict("CITATION-UNKNOWN", citations=drafted.unknown)] if drafted.unknown else []
            repeated = [verdict("SENTENCE-REPEATED")] if normalise(said) in draft.said else []
            found = (*judgement.findings, *retuned([*unknown, *repeated], rules))
            citations = [
                _citation(passage, supporting_span(said, passage.hit.text))
                for passage in (draft.passages[number] for number in judgement.cited)
            ]
            is_let_go = _admit(draft, drafted.text, judgement.score, found, citations, let_go)
            in_vain = 0 if is_let_go else in_vain + 1
            if is_let_go:
                draft.said.add(normalise(said))
            if in_vain == ASTRAY:
                break
        draft.finish = "astray" if in_vain == ASTRAY else generation.finish
        if not draft.sentences and not draft.withheld:
            draft.reason = MODEL_DECLINED if stream.declined else MODEL_FAILED
            draft.detail = None if stream.declined else f"{model.name} wrote no sentence"
    except ModelFailed as error:
        draft.finish, draft.detail = "failed", error.what
        if not draft.sentences:
            draft.reason = MODEL_FAILED
    finally:
        if generation is not None:
            draft.usage = generation.usage
            generation.close()


def _drafted(stream: SentenceStream, generation: Generation) -> Iterator[Drafted]:
    """The sentences of an answer. One that was cut off, since the model's tokens or its time were over, is none."""
    for piece in generation:
        yield from stream.feed(piece)
    rest = stream.close()
    yield from rest if generation.finish == "stop" else rest[:-1]


def _fit(
    draft: Draft, question: str, hits: Sequence[Hit], writer: Writer, model: Model
) -> tuple[list[Passage], list[Message]]:
    """The passages that the prompt has room for beside the question and the answer, and the prompt with them."""

    def tokens(messages: Sequence[Message]) -> int:
        return sum(model.count_tokens(message["content"]) + _TOKENS_A_TURN for message in messages)

    given, room = hits[: writer.most_passages], writer.context_tokens - writer.max_tokens
    free = max(1, room - tokens(writer.prompt.messages(question, [])))
    passages, left_out = pack(given, free, model.count_tokens, secret=writer.prompt.secret, question=question)
    messages = writer.prompt.messages(question, passages)
    # A template may say the sources twice, and add text of its own where there are some.
    while len(passages) > 1 and tokens(messages) > room:
        passages, left_out = passages[:-1], left_out + 1
        messages = writer.prompt.messages(question, passages)
    draft.left_out = left_out + len(hits) - len(given)
    return passages, messages


_TOKENS_A_TURN = 8
"""What a chat template adds to each turn, at most."""


def _citation(passage: Passage, span: tuple[int, int]) -> Citation:
    start, end = span
    first = passage.hit.chars[0]
    return Citation(passage, passage.hit.text[start:end], (first + start, first + end))


def _admit(
    draft: Draft,
    text: str,
    score: float,
    findings: Sequence[Verdict],
    citations: Sequence[Citation],
    let_go: Callable[[Sentence], None],
) -> bool:
    """Takes a sentence into the answer, unless a finding keeps it back, or it cites nothing; returns whether it did."""
    blocked = dict.fromkeys(one.code for one in findings if one.severity == "block")
    if not citations and not blocked:
        blocked = {"CITATION-MISSING": None}  # however the rules are tuned, nobody is shown what has no source
    if blocked:
        draft.withheld.update(list(blocked))
        draft.held_back += 1
        return False
    sentence = Sentence(text, score, tuple(dict.fromkeys(one.code for one in findings)), tuple(citations))
    draft.sentences.append(sentence)
    let_go(sentence)
    return True
