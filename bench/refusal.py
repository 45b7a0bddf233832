"""Whether a question that cannot be answered is refused, and one that can is answered, by the sentences that answer it.

The example corpus with its golden questions, the public 18F handbook with questions written for it, and XQuAD. Each
document has a group of its own, and each question is asked by somebody who may see all, by somebody for whom all
documents about its topic are barred, and by somebody for whom only those that answer it are. What nobody can answer
comes on top.

    python bench/refusal.py [--fit]
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from common import prefect_server, print_table, write_results
from numpy.typing import NDArray
from options import parse_sized
from refusal_asking import ABSENT, ALLOWED, ANSWER_BARRED, TOPIC_BARRED, Asked, Place, by_kind, says
from refusal_sets import Questions, covid, example, handbook, retrieval_set, xquad_set

KINDS = (TOPIC_BARRED, ANSWER_BARRED, ABSENT)


def measure(name: str, asked: Sequence[Asked]) -> list[dict[str, Any]]:
    """Returns shares and AUROC of a set: of both halves of the handbooks' questions, and of all of XQuAD's."""
    from freshet.tasks.answers.floor import DEFAULT_FLOOR

    halves = {"all": asked}
    if name in {"example", "handbook"}:
        halves |= {
            half: [one for one in asked if one.case.is_held_out == is_out]
            for half, is_out in (("tuning", False), ("held out", True))
        }
    rows = []
    for half, some in halves.items():
        kinds = by_kind(some)
        scores = {kind: np.array([a.reading.score for a in kinds.get(kind, [])]) for kind in (ALLOWED, *KINDS)}
        row: dict[str, Any] = {"set": name, "half": half, "questions": len(scores[ALLOWED])}
        row["answered"] = share(scores[ALLOWED] >= DEFAULT_FLOOR)
        for kind in KINDS:
            row[kind] = share(scores[kind] < DEFAULT_FLOOR)
            row[f"AUROC, {kind}"] = auroc(scores[ALLOWED], scores[kind])
        rows.append(row)
    return rows


def quoting(name: str, asked: Iterable[Asked]) -> dict[str, Any]:
    """Returns how often the best sentence, and what is quoted, has the words of the answer."""
    from freshet.tasks.answers.extractive import quote_best

    known = [a for a in asked if a.kind == ALLOWED and a.case.says]
    best = [bool(a.reading.pieces) and says(a, a.reading.pieces[int(np.argmax(a.reading.ratings))].text) for a in known]
    quoted = [[quote.text for quote in quote_best(a.reading, a.hits)] for a in known]
    found = [says(a, "\n".join(texts)) for a, texts in zip(known, quoted, strict=True)]
    count = float(np.mean([len(texts) for texts in quoted])) if quoted else 0.0
    return {"set": name, "questions": len(known), "best": share(best), "quoted": share(found), "sentences": count}


def forbidden(asked: Iterable[Asked]) -> int:
    """Returns how many passages were found that whoever asked may not see."""
    barred = {TOPIC_BARRED: lambda a: a.case.topic, ANSWER_BARRED: lambda a: a.case.answers}
    return sum(path in barred[a.kind](a) for a in asked if a.kind in barred for path in a.seen)


def time_apart(place: Place, lacking: Place, pairs: int) -> dict[str, float]:
    """Asks the same questions in a store that has what may not be seen, and in one that lacks it, in turn.

    Returns:
        The AUROC of seconds, of the whole and of its parts, where 0.5 tells nothing; and the seconds of reading.
    """
    cases = [case for case in place.questions.cases if case.answers.isdisjoint(lacking.groups)]
    gone = frozenset(place.groups.keys() - lacking.groups.keys())
    embed = place.embedder.embed
    seconds: tuple[list[Any], list[Any]] = ([], [])
    for number in range(pairs + 2):
        case = cases[number % len(cases)]
        both = [(place, seconds[0]), (lacking, seconds[1])]
        for where, kept in both if number % 2 else both[::-1]:
            kept.append(where.ask(case, TOPIC_BARRED, embed, gone).seconds)
    has, lacks = (np.array(kept[2:]) for kept in seconds)
    names = ("search", "reading", "all")
    found = {f"AUROC of seconds, {name}": auroc(has[:, at], lacks[:, at]) for at, name in enumerate(names)}
    reading = np.concatenate([has, lacks])[:, 1:]
    found |= {"reading, p50": float(np.median(reading[:, 0])), "reading, p95": float(np.quantile(reading[:, 0], 0.95))}
    return found


def fit(sets: dict[str, list[Asked]]) -> None:
    """Prints the coefficients of `tasks/answers/reading.py`, fitted on all but the held-out half of the handbook."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold, cross_val_predict

    used = {name: [a for a in asked if name != "handbook" or not a.case.is_held_out] for name, asked in sets.items()}
    traits, labels, weights = [], [], []
    for name in ("xquad", "handbook"):
        for one in used.get(name, []):
            answering = [
                says(one, piece.text) and one.seen[piece.passage] in one.case.answers for piece in one.reading.pieces
            ]
            if one.kind == ALLOWED and any(answering):
                traits.append(one.reading.piece_traits)
                labels += answering
                weights += [3.0 if name == "handbook" else 1.0] * len(answering)
    of_pieces = LogisticRegression(C=10, max_iter=3000).fit(np.vstack(traits), labels, sample_weight=weights).coef_[0]
    print("PIECE_WEIGHTS =", tuple(round(float(value), 2) for value in of_pieces))
    rows, answered, heavy, groups = [], [], [], []
    for name, asked in used.items():
        for one in asked:
            if one.reading.pieces:
                rows.append([*one.reading.traits[:-1], float((one.reading.piece_traits @ of_pieces).max())])
                answered.append(one.kind == ALLOWED)
                heavy.append(4.0 if name == "handbook" else 1.0)
                topic = one.case.topic if name == "xquad" else one.case.answers
                groups.append(f"{name} {min(topic, default=one.case.question)}")
    is_answered, weight = np.array(answered), np.array(heavy)
    weight[is_answered] *= weight[~is_answered].sum() / weight[is_answered].sum()
    model = LogisticRegression(C=100, max_iter=5000)
    chances = cross_val_predict(
        model, np.array(rows), is_answered, groups=groups, cv=GroupKFold(5), method="predict_proba",
        params={"sample_weight": weight},
    )[:, 1]  # fmt: skip
    model.fit(np.array(rows), is_answered, sample_weight=weight)
    print("READ_WEIGHTS =", tuple(round(float(value), 2) for value in model.coef_[0]))
    print("READ_BIAS =", round(float(model.intercept_[0]), 2))
    print(f"AUROC, cross-validated by document: {auroc(chances[is_answered], chances[~is_answered]):.3f}")


def auroc(high: NDArray[Any], low: NDArray[Any]) -> float:
    """Returns how often one of `high` is above one of `low`; a half where there is nothing to compare."""
    if not len(high) or not len(low):
        return 0.5
    return float(np.mean(np.sign(np.subtract.outer(high, low)) / 2 + 0.5))


def share(found: Any) -> float:
    """Returns the share that is true; 1 of nothing."""
    return float(np.mean(found)) if len(found) else 1.0


def main() -> None:
    """Asks everything, and prints shares, quotes and times."""
    parser = argparse.ArgumentParser(description="Refusals: forbidden and absent things, and answers that are there.")
    parser.add_argument("--questions", type=int, default=10_000, help="of a set, at most; default: %(default)s")
    parser.add_argument("--pairs", type=int, default=500, help="timed twice each; default: %(default)s")
    parser.add_argument("--sets", default="example,handbook,xquad", help="default: %(default)s; also covid")
    parser.add_argument("--fit", action="store_true", help="print coefficients, fitted on all sets but covid")
    quick = {"questions": 40, "pairs": 40, "sets": "example,xquad"}
    options = parse_sized(parser, quick, {"questions": 4, "pairs": 2, "sets": "example"})
    makers = {
        "example": example,
        "handbook": handbook,
        "xquad": xquad_set,
        "covid": lambda folder: covid(folder, 20),
        "probe": lambda folder: retrieval_set("probe", folder, 3),
        "aws": lambda folder: retrieval_set("aws", folder),
    }
    names = ["xquad", "handbook", "probe", "aws"] if options.fit else options.sets.split(",")
    with tempfile.TemporaryDirectory(prefix="freshet-bench-") as temporary, prefect_server():
        work = Path(temporary)
        asked = {}
        for name in names:
            place = Place(makers[name](Path(tempfile.mkdtemp(dir=temporary)) / name).first(options.questions), work)
            asked[name] = place.ask_all()
        if options.fit:
            fit(asked)
        rows = [row for name, some in asked.items() for row in measure(name, some)]
        columns = ["set", "half", "questions", "answered", *KINDS, *(f"AUROC, {kind}" for kind in KINDS)]
        print_table(columns, [[_shown(row[column]) for column in columns] for row in rows], "Answered and refused")
        quotes = [quoting(name, some) for name, some in asked.items()]
        print_table(list(quotes[0]), [[_shown(value) for value in row.values()] for row in quotes], "The answer is in")
        seen = sum(forbidden(some) for some in asked.values())
        print(f"\nPassages found that whoever asked may not see: {seen}")
        have = Place(example(Path(temporary) / "having" / "example"), Path(temporary) / "timed")
        lacks = _lacking(Path(temporary) / "lacking" / "example", Path(temporary) / "timed-2")
        times = time_apart(have, lacks, options.pairs)
        print_table(["what", "value"], [[name, _shown(value)] for name, value in times.items()], "Times")
    ratios = {f"{column}, {row['set']}, {row['half']}": row[column] for row in rows for column in ("answered", *KINDS)}
    ratios |= {f"quoted, {row['set']}": row["quoted"] for row in quotes} | {"forbidden passages": float(seen)}
    ratios |= {name: value for name, value in times.items() if name.startswith("AUROC")}
    write_results("refusal", options.size, ratios, {"rows": rows, "quotes": quotes, "times": times})


def _lacking(folder: Path, work: Path) -> Place:
    """Returns the example corpus without the documents about claims, which are barred in the other."""
    questions: Questions = example(folder)
    for name in {path for case in questions.cases if "claim" in case.question for path in case.topic}:
        (folder / name).unlink()
    return Place(questions, work)


def _shown(value: Any) -> Any:
    return round(value, 3) if isinstance(value, float) else value


if __name__ == "__main__":
    main()
