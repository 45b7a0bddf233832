"""The English that a question needs: auxiliaries, the forms of common verbs, and whom a sentence speaks to."""

from __future__ import annotations

import re
from functools import lru_cache


def words_in(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


_VERBS = """
accept access achieve activate add address adjust administer affect agree allow amend analyse analyze answer apply
appoint approve archive arrange ask assess assign attach attend authorize award avoid back begin bill block book borrow
bring browse build buy calculate call cancel carry certify change charge check choose claim classify clean clear click
close collect combine commit communicate compare complete comply configure confirm connect consider consult contact
contain continue contribute convert coordinate copy correct cost count cover create cut deactivate debug decide define
delegate delete deliver deploy describe design determine develop disable disclose discuss dispute distribute document
donate download draft drive earn edit email employ enable encourage end enforce enroll ensure enter escalate establish
estimate evaluate examine exchange exclude execute expect expire explain export extend file fill find finish fix fly
follow format forward fund generate get give go grant handle help hire hold host identify implement import improve
include increase inform initiate inspect install integrate interview introduce invest invite invoice issue join keep
know last launch lead leave lend link list load locate lock log maintain make manage map mark measure meet merge
migrate modify monitor move name need negotiate nominate notify obtain offer open operate optimize order organize own
park participate pass pay perform pick plan post prepare present prevent print process procure produce promote propose
protect provide publish purchase put qualify raise reach read receive recommend record recover recruit reduce refer
refill refuse register reimburse release remain remove renew rent repair replace reply report represent request require
reschedule reserve reset resolve respond restart restore retain retire return review revoke rotate run save schedule
search secure select sell send serve set share ship show sign solve sort speak specify spend split stand start state
stay stop store submit subscribe supply support suspend switch take talk teach tell terminate test track train transfer
translate travel treat troubleshoot turn understand update upgrade upload use validate verify view visit volunteer vote
wait want watch wear withdraw work write
"""
_PAST = {
    "began": "begin", "bought": "buy", "brought": "bring", "built": "build", "came": "come", "chose": "choose",
    "gave": "give", "got": "get", "grew": "grow", "held": "hold", "kept": "keep", "led": "lead", "left": "leave",
    "lent": "lend", "made": "make", "met": "meet", "paid": "pay", "ran": "run", "sold": "sell", "sent": "send",
    "spent": "spend", "taught": "teach", "took": "take", "went": "go", "wrote": "write",
}  # fmt: skip
_DOUBLED = words_in("commit debug get map plan put refer run set ship split stop submit transfer cut log")

AUXILIARIES = words_in("is are was were can could may might must shall should will would has have had")
MODALS = words_in("can could may might must shall should will would")
QUESTION_WORDS = words_in("what who whom whose when where why which how")
DETERMINERS = words_in(
    "the a an each every your our all any no both most some its their my this these that those new other"
)
PRONOUNS = words_in("you we i everyone anyone everybody anybody nobody somebody someone")
PLURAL_PRONOUNS = frozenset({"you", "we", "i"})
POINTING = words_in(
    "it its they them their theirs he she him her his this that these those here there above below following "
    "former latter such thus therefore hence sometimes always never often please so then also otherwise instead "
    "however one ones same"
)
"""Words that mean something only after what stands before them."""

JOINTS = words_in(
    "if when where while because since although though unless until before after who whom whose which that as "
    "than whether once"
)
PREPOSITIONS = words_in(
    "of for in at on from to with by about into through via during under over between within without across per "
    "against among near upon toward towards"
)
SMALL = (
    DETERMINERS
    | PRONOUNS
    | AUXILIARIES
    | QUESTION_WORDS
    | PREPOSITIONS
    | JOINTS
    | POINTING
    | words_in(
        "do does did and or but not be been being me us am many much long often far get got need use used make made "
        "if more less least up out yes only own just very too please"
    )
)
"""Words that say nothing of what a question is about."""


def _third(base: str) -> str:
    if base.endswith(("s", "sh", "ch", "x", "z", "o")):
        return base + "es"
    return f"{base[:-1]}ies" if base.endswith("y") and base[-2] not in "aeiou" else base + "s"


def _with_ending(base: str, ending: str) -> str:
    if base in _DOUBLED:
        return base + base[-1] + ending
    if base.endswith("e") and not base.endswith(("ee", "ye", "oe")):
        return base[:-1] + ending
    if ending == "ed" and base.endswith("y") and base[-2] not in "aeiou":
        return f"{base[:-1]}ied"
    return base + ending


@lru_cache(maxsize=1)
def _forms() -> dict[str, dict[str, str]]:
    """By kind (`base`, `third`, `gerund`, `past`), the base of each form."""
    bases = _VERBS.split()
    return {
        "base": {one: one for one in bases},
        "third": {_third(one): one for one in bases},
        "gerund": {_with_ending(one, "ing"): one for one in bases},
        "past": {_with_ending(one, "ed"): one for one in bases if one not in _PAST.values()} | _PAST,
    }


def base_of(word: str, kind: str) -> str | None:
    """The base of a verb's form (`base`, `third`, `gerund`, `past`); None for what is no such form of a known verb."""
    return _forms()[kind].get(word.lower())


_SPOKEN_TO = {"your": "my", "yours": "mine", "yourself": "myself", "you’re": "I'm", "you're": "I'm"}
_YOU = re.compile(r"\b(?:you['’]re|yourself|yours|your|you)\b", re.IGNORECASE)
_DOES = AUXILIARIES | JOINTS | {"do", "does", "did", "and", "or"}


def by_the_reader(question: str) -> str:
    """The question as the one asks it whom the text speaks to: `your` becomes `my`."""

    def turn(found: re.Match[str]) -> str:
        if (turned := _SPOKEN_TO.get(found[0].lower())) is not None:
            return turned
        before = question[: found.start()].split()[-1:]
        return "I" if not before or before[0].lower() in _DOES else "me"

    turned = _YOU.sub(turn, question)
    return re.sub(r"\b(are|were) I\b", lambda found: "am I" if found[1] == "are" else "was I", turned)


def content_words(text: str) -> list[str]:
    """The words that say what a text is about, in lower case, in order."""
    found = re.findall(r"\w+(?:['’-]\w+)*", text.lower())
    return [word for word in found if word not in SMALL and (len(word) > 2 or word.isdigit() or not word.isascii())]


def capitalised(question: str) -> str:
    """The question with a capital letter in front."""
    return question[:1].upper() + question[1:]
