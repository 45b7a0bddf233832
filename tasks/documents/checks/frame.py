"""What stands around the content of a page and says nothing about its subject, line by line."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

Frame = Literal["boilerplate", "navigation", "debris"]

_BOILERPLATE = r"""
skip to (?:main |the )?(?:content|navigation)
(?:.{0,60}\b)?all rights reserved\.?
(?:©|\(c\)|copyright)\s.{0,80}
(?:sign|log) ?(?:in|out|up|on)(?: to .{1,40})?|register(?: now)?|create (?:an )?account|my account
(?:shopping )?(?:cart|basket|bag)(?: \(\d+\))?|checkout|wish ?list
(?:main )?menu|search(?: (?:this site|for|\.\.\.|…))?|home|about(?: us)?|contact(?: us)?
careers|jobs|press|news(?:room)?
blog|faqs?|help(?: cent(?:er|re))?|support|site ?map|languages?|english|deutsch|français|español
privacy(?: (?:policy|notice|settings|center))?|cookies?(?: (?:policy|settings|preferences|notice))?
terms(?: (?:of (?:use|service)|(?:and|&) conditions))?|legal(?: notice)?|disclaimer|accessibility(?: statement)?
imprint|impressum|datenschutz(?:erklärung)?|agb
(?:share|follow|like|tweet|pin)(?: (?:this|us|it))?(?: (?:on|via|by) .{1,30})?
facebook|twitter|x|linkedin|instagram|youtube|pinterest|whatsapp|tiktok|rss(?: feed)?|e-?mail
print(?: this page)?|download(?: pdf)?
(?:previous|next|prev)(?: (?:page|post|article|topic))?|back(?: to (?:top|home|results|.{1,20}))?|top|close|open
(?:read |load )?more|show (?:more|less|all)|(?:view|see) (?:all|more)|(?:expand|collapse)(?: all)?|toggle .{1,30}
(?:accept|reject|allow|decline|manage)(?: all)?(?: cookies)?|(?:we|this (?:web)?site) uses? cookies.{0,200}
by (?:continuing|using|clicking).{0,200}cookies.{0,200}
subscribe(?: (?:now|to .{1,60}))?|newsletter|(?:get|join) (?:our|the) newsletter.{0,60}
loading\.{0,3}|advertisement|sponsored|powered by .{1,40}|last (?:updated|modified):?.{0,40}
(?:related|popular|recent) (?:articles|posts|links|topics)|you (?:may|might) also like.{0,30}
tags?|categories|archives?|page \d+(?: of \d+)?|\d{1,4}
"""
_LONGEST = 300
_DEBRIS_WITHIN = 200


@lru_cache(maxsize=1)
def _boilerplate() -> re.Pattern[str]:
    return re.compile(f"(?:{'|'.join(_BOILERPLATE.split(chr(10))[1:-1])})$", re.I)


@lru_cache(maxsize=1)
def _trail() -> re.Pattern[str]:
    return re.compile(r"\s(?:[|»›>•·]|/)\s")


@lru_cache(maxsize=1)
def _sentence_end() -> re.Pattern[str]:
    return re.compile(r"[.!?…。！？:;]['\"”’)\]]*$")


def frame_of(line: str) -> Frame | None:
    """What a line without white space around it is a piece of; None where it may say something.

    `boilerplate`: what every page of a site repeats; `navigation`: a trail or bar of links; `debris`: rules,
    signs and empty cells.
    """
    if len(line) <= _LONGEST and _boilerplate().match(line):
        return "boilerplate"
    if _is_debris(line):
        return "debris"
    pieces = _trail().split(line)
    if len(pieces) > 2 and not _sentence_end().search(line):
        framed = sum(1 for piece in pieces if _boilerplate().match(piece.strip()))
        if framed >= max(2, len(pieces) // 2):
            return "navigation"
    return None


def _is_debris(line: str) -> bool:
    """A line with next to no letters or digits, or a row of which nearly all cells are empty."""
    if line[0].isalnum() and "|" not in line:
        return False
    head = line[:_DEBRIS_WITHIN].replace(" ", "")
    if sum(1 for char in head if char.isalnum()) <= 0.25 * len(head):
        return True
    cells = line.split("|")
    return len(cells) >= 4 and sum(1 for cell in cells if any(c.isalnum() for c in cell)) <= len(cells) / 4
