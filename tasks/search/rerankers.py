"""What judges how well passages answer a question, each for itself: a cross-encoder here, or one behind an address."""

from __future__ import annotations

import json
import math
import queue
import threading
import time
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from freshet.tasks.errors import EmbeddingError, ModelFailed
from freshet.tasks.settings.addresses import shown
from freshet.tasks.settings.generation import Endpoint
from freshet.tasks.settings.model_checks import is_cross_encoder

if TYPE_CHECKING:
    from freshet.tasks.settings.file import Project

_BATCH = 8
"""Passages that are judged together: whether time is left is looked at between two batches."""


class NotJudged(Exception):
    """The passages could not be judged this time; `args[0]` says why, and has nothing of question or passages."""


class Reranker(Protocol):
    """Judges passages. Safe to use from several threads."""

    def judge(self, question: str, texts: Sequence[str], seconds: float) -> list[float]:
        """How well each text answers, the greater the better; only the order of one question's texts says something.

        Raises:
            NotJudged: it could not be told within so many seconds.
        """
        ...


def reranker_of(project: Project) -> Reranker | None:
    """The reranker of the settings; a local one is loaded, once a process, and to a server nothing is sent yet.

    Raises:
        ModelFailed: there is no such model here, or it is no cross-encoder that gives one number.
    """
    said = project.settings.reranker
    if said is None:
        return None
    if isinstance(said.model, Endpoint):
        return ServedReranker(said.model)
    folder = Path(project.resolve(said.model))
    try:
        return _loaded(said.model, folder if folder.is_dir() else _from_hub(said.model, folder))
    except EmbeddingError as error:
        raise ModelFailed(error.what, error.mend) from None


def _from_hub(name: str, folder: Path) -> Path:
    from freshet.tasks.embedding.folders import hub_folder, is_hub_name

    if not is_hub_name(name):
        raise ModelFailed(
            f"reranker.model {name!r}: there is no folder {folder}", "Name the folder of a cross-encoder."
        )
    return hub_folder("reranker.model", name, folder, "leave reranker out")


@lru_cache(maxsize=1)
def _load(name: str, folder: Path) -> CrossEncoder:
    return CrossEncoder(name, folder)


_loading = threading.Lock()


def _loaded(name: str, folder: Path) -> CrossEncoder:
    with _loading:
        return _load(name, folder)


class CrossEncoder:
    """A cross-encoder of sentence-transformers, in this process.

    It computes in fp32 on a CPU too: half as many digits make equal numbers of passages that are not alike.

    Raises:
        ModelFailed: the folder holds none, or one that gives several numbers.
    """

    def __init__(self, name: str, folder: Path) -> None:
        """Loads the model."""
        import torch
        import transformers
        from sentence_transformers import CrossEncoder as Library

        from freshet.tasks.embedding.hardware import choose_device

        mend = "Name the folder of a cross-encoder of sentence-transformers, or leave reranker out."
        # The library would put a head of chance onto a model that has none.
        if not is_cross_encoder(folder):
            raise ModelFailed(f"reranker.model {name!r}: {folder} holds no cross-encoder", mend)
        transformers.utils.logging.disable_progress_bar()
        try:
            self._model = Library(str(folder), device=choose_device(), local_files_only=True)
        except Exception as error:  # torch, safetensors and transformers raise what they like for damaged files
            raise ModelFailed(f"reranker.model {name!r} cannot be loaded from {folder}: {error}", mend) from error
        if self._model.num_labels != 1:
            what = f"reranker.model {name!r} gives {self._model.num_labels} numbers for a passage, not one"
            raise ModelFailed(what, mend)
        self._model.eval().float()
        self._plain = torch.nn.Identity()  # what is squeezed between 0 and 1 becomes equal at the ends
        self._lock = threading.Lock()

    def judge(self, question: str, texts: Sequence[str], seconds: float) -> list[float]:
        """Judges as `Reranker` says, by the number before any activation."""
        until = time.monotonic() + seconds
        # The tokenizer keeps its truncation and padding as state, so it serves one thread at a time.
        if not self._lock.acquire(timeout=seconds):
            raise NotJudged(f"it was busy for {seconds:g} s (reranker.timeout)")
        try:
            return self._judge(question, texts, until, seconds)
        finally:
            self._lock.release()

    def _judge(self, question: str, texts: Sequence[str], until: float, seconds: float) -> list[float]:
        judged = [0.0] * len(texts)
        order = sorted(range(len(texts)), key=lambda number: -len(texts[number]))
        for start in range(0, len(order), _BATCH):
            if time.monotonic() > until:
                raise NotJudged(f"it judged {start} of {len(texts)} passages in {seconds:g} s (reranker.timeout)")
            batch = order[start : start + _BATCH]
            pairs = [(question, texts[number]) for number in batch]
            made = self._model.predict(pairs, activation_fn=self._plain, show_progress_bar=False)
            for number, value in zip(batch, made, strict=True):
                judged[number] = float(value)
        if not all(map(math.isfinite, judged)):
            raise NotJudged("it gave what is no number")
        return judged


class ServedReranker:
    """A reranker behind an address that speaks the /rerank protocol."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Sends nothing yet."""
        self._endpoint = endpoint
        self._who = f"{shown(endpoint.name)} at {shown(urlsplit(endpoint.endpoint).netloc)}"

    def judge(self, question: str, texts: Sequence[str], seconds: float) -> list[float]:
        """Judges as `Reranker` says, in one request."""
        from freshet.tasks.embedding.line import Line

        try:
            line = Line(self._endpoint.endpoint, self._endpoint.api_key, self._who, "reranker.model.endpoint")
        except ModelFailed as error:
            raise NotJudged(error.what) from None
        ended: queue.SimpleQueue[list[float] | BaseException] = queue.SimpleQueue()

        def work() -> None:
            try:
                ended.put(self._ask(line, question, texts, seconds))
            except BaseException as error:  # whoever waits is to have it
                ended.put(error)
            finally:
                line.close()

        threading.Thread(target=work, name="freshet-rerank", daemon=True).start()
        try:
            end = ended.get(timeout=seconds)
        except queue.Empty:
            line.cut()
            raise NotJudged(f"{self._who} gave no answer within {seconds:g} s (reranker.timeout)") from None
        if isinstance(end, BaseException):
            raise end
        return end

    def _ask(self, line: Any, question: str, texts: Sequence[str], seconds: float) -> list[float]:
        import httpx2

        body = {"model": self._endpoint.name, "query": question, "documents": list(texts)}
        try:
            response = line.client(seconds).post(f"{self._endpoint.endpoint.rstrip('/')}/rerank", json=body)
            said = response.content
        except ModelFailed as error:
            raise NotJudged(error.what) from None
        except (httpx2.HTTPError, httpx2.StreamError) as error:
            raise NotJudged(f"{self._who} cannot be reached ({type(error).__name__})") from None
        if response.status_code in {401, 403}:
            key = "with this key" if self._endpoint.api_key else "without a key"
            raise NotJudged(f"{self._who} lets nobody in {key} ({response.status_code})")
        if response.status_code != 200:
            # What a server says of a request that it does not like may repeat the request.
            raise NotJudged(f"{self._who} answers {response.status_code}")
        judged = _read(said, len(texts))
        if judged is None:
            raise NotJudged(f"{self._who} answers what is no answer of the /rerank protocol")
        return judged


def _read(said: bytes, count: int) -> list[float] | None:
    """The relevance of each of so many texts, in their order; None where the answer does not give each of them once."""
    try:
        results = json.loads(said)["results"]
        found = {one["index"]: one["relevance_score"] for one in results}
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    if len(results) != count or any(type(index) is not int for index in found) or found.keys() != set(range(count)):
        return None
    if any(type(value) not in (int, float) or not math.isfinite(value) for value in found.values()):
        return None
    return [float(found[number]) for number in range(count)]
