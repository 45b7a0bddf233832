"""Checks of the models that the settings name: for vectors, for order, and for answers, with their prompt."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from freshet.tasks.settings.addresses import resolve
from freshet.tasks.settings.explain import nearest
from freshet.tasks.settings.generation import BUNDLED, EXTRACTIVE, Endpoint, Generation, is_this_machine
from freshet.tasks.settings.named_models import EMBEDDING_MODELS
from freshet.tasks.settings.places import Place
from freshet.tasks.settings.reranking import Reranker

Kind = Literal["error", "absent", "note"]
Fault = tuple[Kind, Place, str, str]
"""How grave it is, where, what is wrong and what to do."""

Shown = Callable[[Place, str], str]
"""A value at a place, as messages show it."""

PathShown = Callable[[Place, Path], str]


def embedding_faults(model: str, root: Path, shown: Shown, path_shown: PathShown) -> Iterator[Fault]:
    """What is wrong with `embedding.model`."""
    place: Place = ("embedding", "model")
    path = Path(resolve(model, root))
    text = shown(place, model)
    if model in EMBEDDING_MODELS or os.path.isdir(path):
        return
    if os.path.isfile(path) or model.startswith((".", "/", "~")) or model.count("/") > 1:
        what = f"the model's folder {text} does not exist"
        mend = f"looked for {path_shown(place, path)}; write {', '.join(EMBEDDING_MODELS)}, "
        mend += "a folder that exists, or a model's name"
        yield "error", place, what, mend
    elif "/" not in model and (near := nearest(model, EMBEDDING_MODELS)):
        yield "note", place, f"{text} is taken for the name of a model", f"did you mean {near}?"


_BUNDLED_TOKENS = 256
"""Tokens of a text that the bundled model, all-MiniLM-L6-v2, reads."""


def length_note(max_tokens: int) -> tuple[str, str] | None:
    """What chunks longer than the bundled model reads come to, and what to do; None for shorter ones."""
    if max_tokens <= _BUNDLED_TOKENS:
        return None
    what = f"the bundled model reads {_BUNDLED_TOKENS} tokens; what follows is found by full text only"
    return what, f"write max_tokens: {_BUNDLED_TOKENS}, or choose a model that reads more"


def generation_faults(generation: Generation, root: Path, shown: Shown, path_shown: PathShown) -> Iterator[Fault]:
    """What is wrong with `generation`; a file that is not there stops nobody but whoever wants an answer."""
    place: Place = ("generation", "model")
    model = generation.model
    if isinstance(model, Endpoint):
        yield from _endpoint_faults(place, model, shown)
    elif model not in (EXTRACTIVE, BUNDLED):
        path, text = Path(resolve(model, root)), shown(place, model)
        choices = "write extractive, bundled, the path of a GGUF file, or a server as endpoint: URL and name: MODEL"
        if path.suffix.lower() != ".gguf":
            near = nearest(model, [EXTRACTIVE, BUNDLED])
            yield "error", place, f"there is no model {text}", f"did you mean {near}? {choices}" if near else choices
        elif not os.path.isfile(path):
            yield (
                "absent",
                place,
                f"the model {text} does not exist",
                f"looked for {path_shown(place, path)}; {choices}",
            )
    if generation.prompt is not None:
        place = ("generation", "prompt")
        path = Path(resolve(generation.prompt, root))
        if not os.path.isfile(path):
            what = f"the file {shown(place, generation.prompt)} does not exist"
            mend = f"looked for {path_shown(place, path)}; relative paths start at the settings file"
            yield "absent", place, what, mend


def reranker_faults(reranker: Reranker, root: Path, shown: Shown, path_shown: PathShown) -> Iterator[Fault]:
    """What is wrong with `reranker`; a folder that is not there stops nobody but whoever searches."""
    place: Place = ("reranker", "model")
    model = reranker.model
    if isinstance(model, Endpoint):
        yield from _endpoint_faults(place, model, shown)
        return
    path, text = Path(resolve(model, root)), shown(place, model)
    choices = "write the folder of a cross-encoder, the name of one, or a server as endpoint: URL and name: MODEL"
    if os.path.isdir(path):
        if not is_cross_encoder(path):
            what = f"{text} holds no cross-encoder: its config.json names no model for the classification of sequences"
            yield "absent", place, what, choices
    elif os.path.isfile(path) or model.startswith((".", "/", "~")) or model.count("/") > 1:
        mend = f"looked for {path_shown(place, path)}; {choices}"
        yield "absent", place, f"the model's folder {text} does not exist", mend


def is_cross_encoder(folder: Path) -> bool:
    """Whether a folder holds a model that judges pairs of texts, by what it says of itself."""
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
        named = config.get("architectures") or []
        return any(str(one).endswith("ForSequenceClassification") for one in named)
    except (OSError, ValueError, AttributeError, TypeError):
        return False


def _endpoint_faults(place: Place, model: Endpoint, shown: Shown) -> Iterator[Fault]:
    parts = urlsplit(model.endpoint)
    if parts.scheme == "http" and not is_this_machine(parts.hostname or ""):
        what = "questions, documents and the key travel to another machine unencrypted"
        yield "note", (*place, "endpoint"), what, "write https:// if the server has it"
    at = (*place, "api_key")
    if model.api_key is not None and "${" not in shown(at, model.api_key):
        mend = "put it in the environment and write ${NAME} in its place"
        yield "note", at, "the key of a server stands in the settings file", mend
