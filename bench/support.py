"""How far the check of support tells true sentences of an answer from altered and invented ones, and how fast.

    python bench/support.py [--answers 500] [--verbatim 3000]

Two things are measured. On BEGIN, where people said of answers of language models whether the knowledge that these were
given says them (rows that people called generic are left out; a whole answer is judged at once), the area under the ROC
curve of the score. And on sentences of three corpora, which are true as they stand: how many of them are accused of
anything, and how many are found to be wrong once one thing in them is changed (`alterations.py`). Found is what has a
finding of severity `block`; SUPPORT-UNJUDGED does not count. A sentence is judged among five passages, of which it
cites its own. Of a kind of alteration as many are tried as `--answers` says over all corpora, or as there are.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import re
import statistics
import sys
import tarfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from alterations import ALTERATIONS, NAME, Chosen, with_roles_swapped
from common import data_folder, print_table, write_results, xquad
from options import parse_sized

LONGEST = 1_100
"""Characters of a passage, about 256 tokens."""

AROUND = 4
"""Passages beside the one that a sentence stands in."""

_SENTENCE = re.compile(r"^[A-Z\"“][^\n|]{30,400}[.!?]$")
_SPLIT = re.compile(r"(?<!\d\.)(?<=[.!?])\s+(?=[A-Z\"“])|\n\n+|\n(?=\s*(?:[-+*#>|]|\d+\.)\s)")
_MARKUP = re.compile(r"(?<=\])(?:\([^()]*\)|\[[^\[\]]*\])|\*\*|`")


@dataclass(frozen=True)
class Corpus:
    """A corpus as passages, the first sentences of each being answers, and what stands in others."""

    name: str
    passages: list[str]

    def sentences(self) -> Iterator[tuple[str, int]]:
        """Yields sentences that could be answers, with the number of their passage."""
        for number, passage in enumerate(self.passages):
            for part in _SPLIT.split(passage):
                sentence = " ".join(part.split())
                if _SENTENCE.match(sentence) and "](" not in sentence and "<" not in sentence:
                    yield sentence, number


def corpora() -> list[Corpus]:
    """Returns the handbook, XQuAD in English, and the AWS documentation, cut into passages."""
    handbook = _files(data_folder() / "handbook" / "after.tar.gz")
    aws = _files(data_folder() / "retrieval" / "aws.tar.xz")
    return [Corpus("handbook", _cut(handbook)), Corpus("XQuAD", xquad()[0]), Corpus("AWS", _cut(aws))]


def _files(archive: Path) -> list[str]:
    found = {}
    with tarfile.open(archive) as packed:
        for member in packed:
            file = packed.extractfile(member) if member.name.endswith((".md", ".txt")) else None
            if file:
                text = file.read().decode("utf-8", "replace")
                found[member.name] = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)
    return [found[name] for name in sorted(found)]


def _cut(files: Sequence[str]) -> list[str]:
    """Cuts files into passages at blank lines, so that each is about as long as a chunk."""
    passages = []
    for text in files:
        held = ""
        for block in re.split(r"\n\s*\n", text):
            if held and len(held) + len(block) > LONGEST:
                passages.append(held)
                held = ""
            held = f"{held}\n\n{block}" if held else block
            held = held[: 2 * LONGEST]
        passages.append(held)
    return [passage for passage in passages if passage.strip()]


def auroc(good: Sequence[float], bad: Sequence[float]) -> float:
    """Returns how often a good one has the higher score; a tie counts as one half."""
    if not good or not bad:
        return 1.0
    return sum((one > other) + (one == other) / 2 for one in good for other in bad) / len(good) / len(bad)


def measure_people(file: Path, most: int | None) -> dict[str, float]:
    """Returns how the score agrees with what people said of the answers of language models."""
    from freshet.tasks.answers.support.judge import judge

    scores: dict[str, list[float]] = defaultdict(list)
    blocked: Counter[str] = Counter()
    with file.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened, delimiter="\t", quoting=csv.QUOTE_NONE))
    for row in [row for row in rows if row["begin_label"] != "Generic"][:most]:
        judged = judge(row["response"], [row["knowledge"]], [0])
        scores[row["begin_label"]].append(judged.score)
        blocked[row["begin_label"]] += is_blocked(judged)
    good, bad = scores["Fully attributable"], scores["Not fully attributable"]
    return {
        "rows": len(good) + len(bad),
        "auroc": auroc(good, bad),
        "attributable blocked": blocked["Fully attributable"] / max(1, len(good)),
        "not attributable blocked": blocked["Not fully attributable"] / max(1, len(bad)),
    }


def is_blocked(judged: Any) -> bool:
    """Whether a sentence is kept back."""
    return any(finding.severity == "block" for finding in judged.findings)


def among(corpus: Corpus, number: int, chance: random.Random) -> list[str]:
    """Returns a passage, which comes first, and others of its corpus."""
    return [corpus.passages[number], *chance.sample(corpus.passages, min(AROUND, len(corpus.passages)))]


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))


def measure_alterations(corpus: Corpus, most: int, show: int) -> dict[str, dict[str, Any]]:
    """Returns, by kind of alteration, how many were tried and which share was found."""
    from freshet.tasks.answers.support.judge import judge

    chance = random.Random(f"support {corpus.name}")
    sentences = sorted(set(corpus.sentences()))
    chance.shuffle(sentences)
    names = sorted({found.group() for passage in corpus.passages for found in NAME.finditer(passage)})
    clauses = [part for one, _ in sentences for part in re.split(r"[,;] ", one[:-1])[1:] if len(part.split()) > 6]
    results: dict[str, dict[str, Any]] = {}
    for kind, alter in ALTERATIONS.items():
        tried = found = 0
        for sentence, number in sentences:
            if tried == most:
                break
            passage = corpus.passages[number]
            made = alter(Chosen(sentence, passage, names, clauses), chance)
            made = [one for one in made if _plain(one) not in _plain(passage) or _signs(one) != _signs(sentence)]
            if not made:
                continue
            altered = chance.choice(made)
            judged = judge(altered, among(corpus, number, chance), [0])
            tried += 1
            found += is_blocked(judged)
            if show and not is_blocked(judged):
                print(f"missed, {corpus.name}, {kind}: {altered}\n    {sentence}", file=sys.stderr)
        results[kind] = {"tried": tried, "found": found / tried if tried else None}
    elsewhere = [_elsewhere(corpus, sentence, number, chance) for sentence, number in sentences[:most]]
    results["cited elsewhere"] = {"tried": len(elsewhere), "found": statistics.fmean(elsewhere)}
    swapped = [(new, number) for one, number in sentences if (new := with_roles_swapped(one))][:most]
    flags = [is_blocked(judge(new, among(corpus, number, chance), [0])) for new, number in swapped]
    results["roles swapped"] = {"tried": len(flags), "found": statistics.fmean(flags) if flags else None}
    return results


def _signs(text: str) -> str:
    return re.sub(r"[\w\s.]", "", text)


def _elsewhere(corpus: Corpus, sentence: str, number: int, chance: random.Random) -> bool:
    from freshet.tasks.answers.support.judge import judge

    passages = among(corpus, number, chance)
    wrong = [at for at in range(1, len(passages)) if _plain(sentence) not in _plain(passages[at])]
    judged = judge(sentence, passages, [chance.choice(wrong)])
    return is_blocked(judged) or any(finding.code == "CITATION-ELSEWHERE" for finding in judged.findings)


def measure_verbatim(corpus: Corpus, most: int, show: int) -> dict[str, Any]:
    """Returns how many sentences, lines, joined pairs and sentences without markup are accused of anything."""
    from freshet.tasks.answers.support.judge import judge
    from freshet.tasks.text.borders import lines, sentences

    chance = random.Random(f"verbatim {corpus.name}")
    pieces: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for number, passage in enumerate(corpus.passages):
        parts = _parts(passage, sentences(passage))
        pieces["sentences"] += [(part, number) for part in parts]
        pieces["lines of lists and tables"] += [
            (part, number) for part in _parts(passage, lines(passage)) if re.match(r"\s*(?:[|>#*+-]|\d+[.)] )", part)
        ]
        joined = [f"{one.strip()} {other.strip()}" for one, other in zip(parts, parts[2:], strict=False)]
        pieces["two sentences joined"] += [(one, number) for one in joined]
    plain = list(corpus.sentences())
    pieces["sentences of answers"] = plain
    pieces["two sentences with and"] = [
        (f"{a[:-1]}, and {b[0].lower()}{b[1:]}", n) for (a, n), (b, m) in pairwise(plain) if n == m
    ]
    pieces["without markup"] = [(_MARKUP.sub("", part), n) for part, n in pieces["sentences"]]
    results: dict[str, Any] = {}
    for kind, made in pieces.items():
        chosen = made if len(made) <= most else chance.sample(made, most)
        accused = Counter[str]()
        for text, number in chosen:
            findings = judge(text, among(corpus, number, chance), [0]).findings
            accused.update({"sentences": 1} if findings else {})
            accused.update(finding.code for finding in findings)
            if findings and show:
                print(f"accused, {corpus.name}, {kind}: {findings}\n    {text!r}", file=sys.stderr)
        results[kind] = {"tried": len(chosen), "accused": accused.pop("sentences", 0), "codes": dict(accused)}
    return results


def _parts(text: str, borders: list[int]) -> list[str]:
    cuts = [0, *borders, len(text)]
    return [text[start:end] for start, end in pairwise(cuts)]


def measure_time(corpus: Corpus, most: int) -> dict[str, float]:
    """Returns milliseconds of CPU for a sentence among five passages, which were read before or are new."""
    from freshet.tasks.answers.support.held import held
    from freshet.tasks.answers.support.judge import judge

    chance = random.Random("time")
    chosen = chance.sample(sorted(set(corpus.sentences())), most)
    warm, cold = [], []
    for sentence, number in chosen:
        passages = among(corpus, number, chance)
        altered = sentence[: len(sentence) // 2] + " surely " + sentence[len(sentence) // 2 :]
        held.cache_clear()
        for times in (cold, warm, warm):
            begun = time.process_time()
            judge(altered, passages, [0])
            times.append(1000 * (time.process_time() - begun))
    return {
        f"{name} p{share}": sorted(times)[min(len(times) - 1, len(times) * share // 100)]
        for name, times in (("passages known", warm), ("passages new", cold))
        for share in (50, 95)
    }


def main() -> None:
    """Measures, prints and writes."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--answers", type=int, default=500, help="alterations of a kind, over all corpora")
    arguments.add_argument("--verbatim", type=int, default=3000, help="true sentences of a kind, over all corpora")
    arguments.add_argument("--rows", type=int, help="rows of BEGIN; default: all")
    arguments.add_argument("--show", type=int, default=0, help="1 prints what was missed and what was accused wrongly")
    chosen = parse_sized(arguments, {"answers": 150, "verbatim": 600}, {"answers": 12, "verbatim": 12, "rows": 20})
    people = measure_people(data_folder() / "faithfulness" / "begin_dev_wow.tsv", chosen.rows)
    print_table(list(people), [[f"{value:.4g}" for value in people.values()]], "BEGIN")
    every = corpora()
    altered = {one.name: measure_alterations(one, chosen.answers // len(every), chosen.show) for one in every}
    kinds = list(altered[every[0].name])
    totals = {kind: _total([altered[one.name][kind] for one in every]) for kind in kinds}
    rows = [[kind, *(_told(altered[one.name][kind]) for one in every), _told(totals[kind])] for kind in kinds]
    print_table(["alteration", *(one.name for one in every), "all"], rows, "Share found (of so many)")
    german = Corpus("XQuAD, German", _files(data_folder() / "retrieval" / "xquad-de.tar.xz"))
    true = {one.name: measure_verbatim(one, chosen.verbatim // len(every), chosen.show) for one in (*every, german)}
    rows = [
        [kind, *(f"{one[kind]['accused']} of {one[kind]['tried']}" for one in true.values())]
        for kind in true[every[0].name]
    ]
    print_table(["true as it stands", *true], rows, "Accused of anything")
    times = measure_time(every[0], min(300, chosen.verbatim))
    print_table(
        list(times), [[f"{value:.2f}" for value in times.values()]], "Milliseconds of CPU for a sentence, five passages"
    )
    ratios = {"AUROC, BEGIN": people["auroc"], **{f"found: {kind}": one["found"] for kind, one in totals.items()}}
    accused = sum(one["sentences"]["accused"] for one in true.values())
    ratios["verbatim sentences accused"] = accused / sum(one["sentences"]["tried"] for one in true.values())
    results = {"begin": people, "altered": altered, "verbatim": true, "milliseconds of CPU": times}
    write_results("support", chosen.size, ratios, json.loads(json.dumps(results)))


def _total(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    tried = sum(part["tried"] for part in parts)
    found = sum(part["tried"] * (part["found"] or 0) for part in parts)
    return {"tried": tried, "found": found / max(1, tried)}


def _told(part: dict[str, Any]) -> str:
    return f"{part['found']:.3f} ({part['tried']})" if part["tried"] else "–"


if __name__ == "__main__":
    main()
