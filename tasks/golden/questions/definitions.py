"""Questions of what something is, means or stands for: definitions, abbreviations, and codes that a line explains."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from freshet.tasks.golden.questions.asked import Asked
from freshet.tasks.golden.questions.clauses import clause_of
from freshet.tasks.golden.questions.words import DETERMINERS, PREPOSITIONS, content_words, words_in

_ABBREVIATION = re.compile(r"\(([A-Z][A-Za-z]{0,3}[A-Z]{1,6})s?\)")
_CODE = re.compile(
    r"^((?=[^\s:|]{0,30}[A-Za-z])(?=[^\s:|]{0,30}[\d_])[A-Za-z][\w./-]{2,30})(?::|\s?[–—|]|\s-)\s{1,3}(?=\S)"
)
_UNSAID = words_in("a an the of and for in on to at by with")
_MOST_SUBJECT, _MOST_ANSWER = 6, 12


def abbreviations(text: str) -> Iterator[Asked]:
    """What stands for what: the words before `(ABC)` that begin with its letters."""
    for found in _ABBREVIATION.finditer(text):
        letters = found[1].lower()
        before = list(re.finditer(r"[\w’'&.-]+", text[max(0, found.start() - 120) : found.start()]))
        shift = max(0, found.start() - 120)
        for count in range(2, min(len(before), len(letters) + 4) + 1):
            words = before[-count:]
            first = words[0].group().lower()
            if first[0] == letters[0] and first not in _UNSAID and _stand_for([one.group() for one in words], letters):
                start = shift + words[0].start()
                if "\n" not in text[start : found.end()]:
                    yield Asked(f"What does {found[1]} stand for?", (start, found.end()), "abbreviation")
                break


def _stand_for(words: list[str], letters: str) -> bool:
    said = [
        part[0].lower() for word in words if word.lower() not in _UNSAID for part in re.split(r"[-&]", word) if part
    ]
    whole = [part[0].lower() for word in words for part in re.split(r"[-&]", word) if part]
    is_named = sum(word[0].isupper() for word in words) * 2 > len(words)
    return is_named and letters in ("".join(said), "".join(whole))


def definition(sentence: str, known_small: Collection[str] = ()) -> Asked | None:
    """What something with a name is: `The wet well is a tank that …`."""
    clause = clause_of(sentence, known_small)
    if clause is None or clause.auxiliary not in {"is", "are"} or clause.verb:
        return None
    rest, subject = clause.rest.split(), clause.subject.split()
    if len(rest) < 4 or rest[0].lower() not in {"a", "an", "the"} or len(subject) > _MOST_SUBJECT:
        return None
    named = [word for word in subject if word.lower() not in DETERMINERS]
    is_name = any(word[:1].isupper() or any(char.isdigit() for char in word) for word in named)
    if not is_name or PREPOSITIONS & {word.lower() for word in subject} or rest[1].lower() in {"best", "first", "only"}:
        return None
    end = clause.at
    for word in re.finditer(r"\S+", sentence[clause.at : clause.at + len(clause.rest)]):
        if len(sentence[clause.at : clause.at + word.end()].split()) > _MOST_ANSWER:
            break
        end = clause.at + word.end()
    return Asked(f"What {clause.auxiliary} {clause.subject}?", (clause.at, end), "definition")


def explained_code(line: str) -> Asked | None:
    """What a code means: a line or the row of a table that begins with it and goes on to say."""
    found = _CODE.match(line)
    said = [] if found is None else [word for word in content_words(line[found.end() :]) if not word[0].isdigit()]
    if found is None or len(said) < 3 or set("{}<>") & set(line):
        return None
    end = found.end()
    for word in re.finditer(r"[^\s|]+", line[found.end() : found.end() + 120]):
        end = found.end() + word.end()
        if len(line[found.end() : end].split()) >= _MOST_ANSWER:
            break
    return Asked(f"What does {found[1]} mean?", (0, end), "code")
