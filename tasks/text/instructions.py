"""Finds text that gives orders to a language model instead of information to a reader."""

# A pattern in one line is easier to read than in pieces.
# ruff: noqa: E501

from __future__ import annotations

import re
from functools import lru_cache

from freshet.tasks.text.findings import Finding, without_overlaps
from freshet.tasks.text.invisible import without_invisible

_MODEL = r"(?:AIs?|A\.I\.|LLMs?|(?:large )?language models?|AI (?:models?|assistants?|agents?|systems?|tools?)|chat ?bots?|GPT|ChatGPT|Claude|Gemini|Copilot)"
_BEFORE = r"(?:previous|prior|above|earlier|preceding|foregoing|existing|original|initial|system|former|past)"
_ORDERS = (
    r"(?:instructions?|prompts?|directions|directives?|guidelines|rules|commands?|orders|context|programming|training)"
)
_ALL = r"(?:all|any|every|each|of|the|these|those|your|my|our|other)"

_NAMES = ("AI", "A.I.", "LLM", "anguage model", "hatbot", "hat bot", "GPT", "Claude", "Gemini", "Copilot")
"""The ways to name a model, as they are written: these are looked for in the text itself, once."""

# kind → (in lower case, texts without any of which the pattern is not tried; the pattern)
_PATTERNS: dict[str, tuple[tuple[str, ...], str]] = {
    "set aside": (
        ("ignor", "disregard", "forget", "overrid", "bypass", "discard"),
        rf"\b(?:ignore|disregard|forget|override|bypass|discard)\s+(?:{_ALL}\s+){{0,3}}(?:{_BEFORE}(?:\s+(?:and|or)\s+{_BEFORE})?\s+)+(?:{_ALL}\s+)?{_ORDERS}\b",
    ),
    "set aside yours": (
        ("ignor", "disregard", "forget", "overrid"),
        rf"\b(?:ignore|disregard|forget|override)\s+(?:{_ALL}\s+){{0,2}}your\s+(?:\w+\s+)?(?:instructions?|prompts?|programming|training|guardrails|safety\s+\w+)\b",
    ),
    "set aside everything": (
        ("everything",),
        r"\b(?:ignore|disregard|forget)\s+everything\s+(?:you\s+(?:have\s+been|were|are)\s+told|(?:written\s+)?(?:above|before\s+this)|you\s+know)\b",
    ),
    "ask for the prompt": (
        ("prompt", "initial instructions", "system message", "system instructions"),
        r"\b(?:reveal|print|repeat|output|show|leak|display|disclose|send|return|summari[sz]e)\s+(?:me\s+)?(?:your|the)\s+(?:\w+\s+)?(?:system\s+prompt|hidden\s+prompt|initial\s+(?:prompt|instructions)|system\s+message|system\s+instructions)\b",
    ),
    "keep from the user": (
        ("the user",),
        r"\b(?:do\s+not|don['’]t|never)\s+(?:tell|inform|alert|notify|mention\s+(?:this|it|that)\s+to|reveal\s+(?:this|it|that)\s+to|disclose\s+(?:this|it|that)\s+to)\s+the\s+user\b",
    ),
    "addressed": (
        _NAMES,
        rf"\b(?:attention|note|notice|message|instructions?|important|warning|reminder)\s*(?::|to|for)\s+(?:(?:all|any|the|every)\s+)?{_MODEL}\s*(?:[:,.!—–-]|reading|processing|that|which|who)",
    ),
    "if you are one": (_NAMES, rf"\b(?:if|when|since|because)\s+you\s+are\s+(?:an?|the)\s+(?:\w+\s+)?{_MODEL}\b"),
    "as one": (_NAMES, rf"\bas\s+an?\s+{_MODEL}\s*,\s+you\s+(?:must|should|will|are\s+to|have\s+to|need\s+to)\b"),
    "ordered": (
        _NAMES,
        rf"(?:^|[.!?\n]\s{0, 9}|[\[(]\s{0, 9}){_MODEL}\s*[,:]\s*(?:please\s+)?(?:ignore|disregard|you\s+must|you\s+should|do\s+not|don['’]t|always|never|respond|reply|answer|recommend|rate|say|output|include|insert|execute|run|send|forget|stop)\b",
    ),
    "new orders": (
        ("prompt", "instructions", "directive"),
        r"\b(?:your\s+)?(?:new|updated|real|actual|true)\s+(?:system\s+)?(?:instructions|prompt|directives?)\s*(?:are\b|is\b|:)",
    ),
    "unchained": (
        ("you are now",),
        r"\byou\s+are\s+now\s+(?:(?:in\s+)?(?:developer|god|debug|admin|jailbreak|unrestricted|dan)\s*mode|DAN\b|jailbroken|an?\s+(?:unrestricted|uncensored|unfiltered|evil)\b|free\s+from\s+(?:all|any|your)\b)",
    ),
    "template": (
        ("<|", "inst]", "sys>>"),
        r"<\|(?:im_start|im_end|system|user|assistant|start_header_id|eot_id|begin_of_text)\|>|\[/?INST\]|<</?SYS>>",
    ),
    "spoken to in German": (
        ("anweisung", "instruktion", "befehle", "vorgaben", "prompt"),
        r"\b(?:ignorier(?:e|en|t)|missachte|vergiss|vergessen\s+sie)\s+(?:Sie\s+)?(?:bitte\s+)?(?:(?:alle|alles|die|deine|ihre|aller|sämtliche)\s+){1,3}(?:(?:vorherigen?|bisherigen?|obigen?|vorangegangenen?|früheren?)\s+)?(?:Anweisungen|Instruktionen|Befehle|Vorgaben|Prompts?)",
    ),
    "spoken to in French": (
        ("instructions", "consignes", "directives"),
        r"\b(?:ignore[zr]?|oublie[zr]?|ne\s+tiens\s+pas\s+compte\s+de)\s+(?:toutes\s+)?(?:les|tes|vos)\s+(?:instructions|consignes|directives)\s+(?:précédentes|antérieures|ci-dessus)",
    ),
    "spoken to in Spanish": (
        ("instrucciones",),
        r"\b(?:ignora|ignore|ignorar|olvida|olvide)\s+(?:todas\s+)?(?:las|tus|sus)\s+instrucciones\s+(?:anteriores|previas|precedentes)",
    ),
    "spoken to in Portuguese": (
        ("instruções",),
        r"\b(?:ignore|ignora|esqueça)\s+(?:todas\s+)?(?:as|suas)\s+instruções\s+(?:anteriores|prévias|acima)",
    ),
    "spoken to in Italian": (
        ("istruzioni",),
        r"\b(?:ignora|ignorare|dimentica)\s+(?:tutte\s+)?(?:le|tue)\s+istruzioni\s+(?:precedenti|sopra)",
    ),
    "spoken to in Chinese": (
        ("忽略", "无视", "忘记", "忽視", "無視"),
        r"(?:忽略|无视|忘记|忽視|無視)(?:所有|之前|以上|先前|前面|此前|的|一切)*(?:指令|指示|提示词|提示)",
    ),
    "spoken to in Japanese": (
        ("無視", "忘れ"),
        r"(?:以前|これまで|上記|前)の(?:すべての)?(?:指示|命令)を(?:すべて)?(?:無視|忘れ)",
    ),
}


@lru_cache(maxsize=1)
def _patterns() -> list[tuple[str, tuple[str, ...], re.Pattern[str]]]:
    # A model's name is written as a name: "ai" in lower case is a word or a syllable in many languages.
    return [
        (kind, triggers, re.compile(pattern.replace(_MODEL, f"(?-i:{_MODEL})"), re.I | re.M))
        for kind, (triggers, pattern) in _PATTERNS.items()
    ]


def find_instructions(text: str) -> list[Finding]:
    """Returns the places where the text gives orders to a model; the kind says in which way.

    An order is found also where invisible characters stand between its letters.
    """
    plain, places = without_invisible(text)
    lower = plain.lower()
    names_model = any(name in plain for name in _NAMES)
    found = [
        Finding(*match.span(), kind)
        for kind, triggers, pattern in _patterns()
        if (names_model if triggers is _NAMES else any(trigger in lower for trigger in triggers))
        for match in pattern.finditer(plain)
    ]
    if places is not None:
        found = [Finding(places[f.start], places[f.end - 1] + 1, f.kind) for f in found]
    return without_overlaps(found)


def gives_instructions(text: str) -> bool:
    """Whether the text gives orders to a model anywhere."""
    return bool(find_instructions(text))
