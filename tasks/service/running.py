"""An answer in the making, for whoever waits for it over a network: it ends when he has gone or its time is over."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

import anyio
from starlette.responses import StreamingResponse

from freshet.tasks.service.ending import Ending, endable

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from freshet.tasks.answers.ask import Explained
    from freshet.tasks.answers.compose import Writer
    from freshet.tasks.governance.expressions import Asker
    from freshet.tasks.service.desk import Desk

HEARTBEAT = 15.0
"""Seconds after which something is sent where there is nothing to say, so that a proxy keeps the connection."""


T = TypeVar("T")
Events = AsyncGenerator[tuple[str, Any], None]
"""What comes of a question, as `stream_answer` gives it."""


class Answering(Protocol):
    """What bounds the answers that are made at once."""

    def answering(self) -> AbstractContextManager[None]:
        """Holds the place of one answer; raises TooMuch where there is none."""


async def stream_answer(
    desk: Desk,
    limits: Answering,
    asker: Asker,
    corpus: str,
    question: str | Callable[[Writer], str],
    *,
    asked_as: Sequence[str],
    mode: str,
    release: int | None = None,
) -> Events:
    """Answers a question in a thread of its own and gives what comes of it, as it comes.

    Whoever reads must close it (`streamed` and `finished` do): that ends the model's work and waits for the
    thread. It ends by itself after `service.limits.timeout`; what was written by then is the answer.

    Args:
        question: what is asked, or what makes it with a writer that can be ended, in the same thread. That may take
            long, so that a heartbeat comes before it.
        asked_as, mode: for the record, as `Desk.ask` takes them.

    Yields:
        `("started", {"id", "corpus", "release", "model"})` first, unless a heartbeat comes before it; `("sentence",
        Sentence)` for each that may be read; `("heartbeat", None)` after each 15 s of silence; `("done", Explained)`.

    Raises:
        TooMuch: so many answers are in the making already. Like whatever is wrong with the question or the corpus, it
            is raised in place of `started`: take the first event before you begin a response.
        SettingsError, StoreError, AccessCheckFailed, ModelFailed, MissingExtra: as `Desk.ask` and `Desk.writer` say.
    """
    loop, ending = asyncio.get_running_loop(), Ending()
    queue: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
    over = asyncio.Event()

    def tell(call: Callable[..., object], *given: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(call, *given)

    def put(kind: str, what: Any) -> None:
        tell(queue.put_nowait, (kind, what))

    def work(place: contextlib.ExitStack) -> None:
        try:
            with place:
                writer, asked = endable(desk.writer(), ending), question
                if not isinstance(asked, str):
                    put("heartbeat", None)
                    asked = asked(writer)
                found = desk.ask(
                    asker,
                    corpus,
                    asked,
                    asked_as=asked_as,
                    mode=mode,
                    release=release,
                    writer=writer,
                    let_know=lambda known_as, live: put(
                        "started", {"id": known_as, "corpus": corpus, "release": live.release, "model": writer.name}
                    ),
                    let_go=lambda sentence: put("sentence", sentence),
                )
            put("done", found)
        except BaseException as error:  # whoever reads is to have it
            put("error", error)
        finally:
            tell(over.set)

    with contextlib.ExitStack() as held:
        held.enter_context(limits.answering())
        thread = threading.Thread(target=work, args=(held.pop_all(),), name="freshet-asked")
        thread.start()
    late = loop.call_later(desk.project.settings.service.limits.timeout.total_seconds(), ending.end)
    try:
        while True:
            try:
                kind, what = await asyncio.wait_for(queue.get(), HEARTBEAT)
            except TimeoutError:
                yield "heartbeat", None
                continue
            if kind == "error":
                raise what
            yield kind, what
            if kind == "done":
                return
    finally:
        late.cancel()
        ending.end()
        with anyio.CancelScope(shield=True):
            await over.wait()


async def last_of(events: Events) -> Explained:
    """What came of a question in the end.

    Raises:
        FreshetError: as `stream_answer` does.
    """
    async with contextlib.aclosing(events):
        *_, (_, found) = [event async for event in events]
        return cast("Explained", found)


async def finished(request: Request, events: Events) -> Explained | None:
    """What came of a question, for a response in one piece; None where whoever asked has gone, which ends it.

    Raises:
        FreshetError: as `stream_answer` does.
    """
    return await unless_gone(request, last_of(events))


async def unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T | None:
    """What a coroutine returns; None where whoever sent the request has gone: the coroutine is cancelled then.

    The body of the request must have been read.
    """

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    working, watching = asyncio.ensure_future(work), asyncio.ensure_future(gone())
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        return await working if working.done() else None
    finally:
        for task in (working, watching):
            task.cancel()
        with anyio.CancelScope(shield=True):
            await asyncio.wait({working, watching})


class Stream(StreamingResponse):
    """An answer that is sent piece by piece; it ends when whoever asked has gone.

    A framework leaves an iterator that it does not read any more to the garbage collector; this one is closed.
    """

    def __init__(self, content: AsyncGenerator[str, None], source: Events) -> None:
        """Takes what is sent, and the events that it is made of."""
        super().__init__(
            content,
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )
        self._source = source

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends it, to the end or until nobody listens."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            with anyio.CancelScope(shield=True):
                await self._source.aclose()


async def streamed(events: Events, render: Callable[[Events], AsyncGenerator[str, None]]) -> Stream:
    """A response that sends an answer while it is made.

    Args:
        events: as `stream_answer` gives them.
        render: makes of the events what is sent, in the form of server-sent events. What is raised by `events` after
            the first of them is raised there.

    Raises:
        FreshetError: what is raised in place of the first event, so that it can still be a status.
    """
    first = await anext(events)

    async def all_of_them() -> Events:
        yield first
        async for event in events:
            yield event

    return Stream(render(all_of_them()), events)
