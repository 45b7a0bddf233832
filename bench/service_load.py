"""The callers of `service.py`: what they ask, what they see, and when a permission was seen to be narrowed."""

from __future__ import annotations

import asyncio
import itertools
import random
import re
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NOTICES = 12
NOTICE = "# Berth {n}\n\nThe tide table in force at berth {n} is edition {edition}. Pilots read it.\n"
EDITION = re.compile(r"is edition (\d+)\.")
PRIVATE = "# Wages of berth {n}\n\nThe harbour master of berth {n} earns 4{n}00 a month.\n"
QUESTIONS = ("Which edition of the tide table is in force?", "What does the harbour master earn a month?")
KINDS = {"staff": ["user:ada", "group:staff"], "others": ["user:ben"]}
SEARCHES = 4
"""Searches for each question that is asked."""


@dataclass
class Seen:
    """What callers saw.

    Attributes:
        seconds: of each request, by what was asked.
        editions: by release, how often each edition was seen in it.
        wrong: what should not have been, in words.
        shown: whoever is kept out saw the folder at these moments: when each request began.
    """

    seconds: dict[str, list[float]] = field(default_factory=lambda: {"search": [], "ask": []})
    editions: dict[int, Counter[int]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    shown: list[float] = field(default_factory=list)


class Narrowing(threading.Thread):
    """Watches the access classes, and notes the moment at which they were first seen to be narrower."""

    def __init__(self, store: Path) -> None:
        """Reads nothing yet."""
        super().__init__(name="narrowing", daemon=True)
        self._store, self.ended = store, threading.Event()
        self.moment: float | None = None

    def run(self) -> None:
        """Looks until they are, or until it is ended."""
        from freshet.tasks.ledger.access_classes import list_classes, newest_revision
        from freshet.tasks.store.tables import Store

        store = Store(str(self._store))
        first = newest_revision(store, "bench")
        while not self.ended.wait(0.02):
            if newest_revision(store, "bench") > first:
                narrowed = [one for one in list_classes(store, "bench").values() if "group:staff" in one.meanwhile]
                assert narrowed, "the classes changed, and none was narrowed"
                self.moment = time.monotonic()
                return


async def load(address: str, clients: int, tokens: dict[str, str], pause: float, ended: asyncio.Event) -> Seen:
    """Has clients ask until the end, half of them of each kind, and returns what they saw.

    Args:
        tokens: by kind, the token of its callers.
        pause: seconds between two requests of a client, on average.
    """
    import httpx

    seen = Seen()

    async def client(number: int, http: httpx.AsyncClient) -> None:
        chance = random.Random(number)
        kind = list(KINDS)[number % len(KINDS)]
        headers = {"Authorization": f"Bearer {tokens[kind]}"}
        turns = itertools.cycle(["search"] * SEARCHES + ["ask"])
        for _ in range(chance.randrange(SEARCHES + 1)):
            next(turns)
        while not ended.is_set():
            what, question = next(turns), QUESTIONS[chance.randrange(len(QUESTIONS))]
            body = {"question": question} | ({"limit": NOTICES} if what == "search" else {})
            began = time.monotonic()
            try:
                answer = await http.post(f"/v1/{what}", json=body, headers=headers)
                seen.seconds[what].append(time.monotonic() - began)
                if answer.is_success:
                    look(seen, what, kind, answer.json(), began)
                else:
                    seen.wrong.append(f"{what}: {answer.status_code} {answer.text[:200]}")
            except httpx.HTTPError as error:
                seen.wrong.append(f"{what}: {type(error).__name__}")
            await asyncio.sleep(chance.uniform(0, 2 * pause))

    limits = httpx.Limits(max_connections=clients)
    async with httpx.AsyncClient(base_url=address, timeout=120, limits=limits) as http:
        await asyncio.gather(*(client(number, http) for number in range(clients)))
    return seen


def look(seen: Seen, what: str, kind: str, answer: dict[str, Any], began: float) -> None:
    """Looks at an answer: of which release each of its texts is, and whether the folder is in it."""
    if what == "search":
        texts = [hit["text"] for hit in answer["hits"]]
        uris = [hit["document"]["uri"] for hit in answer["hits"]]
    else:
        texts = [one["text"] for one in answer["sentences"]]
        uris = [cited["document"]["uri"] for one in answer["sentences"] for cited in one["citations"]]
    found = {int(edition) for text in texts for edition in EDITION.findall(text)}
    if len(found) > 1:
        seen.wrong.append(f"{what}: editions {sorted(found)} in one answer")
    for edition in found:
        seen.editions.setdefault(answer["release"], Counter())[edition] += 1
    if kind == "others" and any("/private/" in uri for uri in uris):
        seen.shown.append(began)
