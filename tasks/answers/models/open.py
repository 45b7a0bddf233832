"""Opens the language model that the settings, or a command line, name."""

from __future__ import annotations

import os
from pathlib import Path

from freshet.tasks.answers.models.model import Model
from freshet.tasks.embedding.fetched import SMOLLM2
from freshet.tasks.errors import ModelFailed, SettingsError
from freshet.tasks.settings.addresses import escaped, shown
from freshet.tasks.settings.explain import nearest
from freshet.tasks.settings.file import Project
from freshet.tasks.settings.generation import BUNDLED, EXTRACTIVE, Endpoint


def open_model(project: Project, chosen: str | None = None) -> Model | None:
    """Opens the model by which answers are made; nothing is loaded or sent before it is asked.

    Args:
        project: whose settings say which it is.
        chosen: what a command line names in place of the settings: `extractive`, `bundled`, the path of a GGUF file,
            relative to the working folder, or the name of the model that the settings have an endpoint for.

    Returns:
        The model; None for `extractive`, which needs none.

    Raises:
        SettingsError: there is no such model.
        ModelFailed: its file is absent or damaged.
        MissingExtra: a package that it needs is not installed.
    """
    said = project.settings.generation.model
    seconds = project.settings.generation.timeout.total_seconds()
    model = said if chosen is None else chosen
    if isinstance(said, Endpoint) and model in (said, said.name):
        from freshet.tasks.answers.models.endpoint import EndpointModel

        return EndpointModel(said, seconds, project.settings.generation.retries)
    assert isinstance(model, str)
    if model == EXTRACTIVE:
        return None
    if model == BUNDLED:
        path, name = SMOLLM2.path, BUNDLED
        if not path.is_file():
            raise ModelFailed(
                f"the bundled model is not in {path.parent}", f"Fetch it: freshet model add {SMOLLM2.name}"
            )
    else:
        path = Path(project.resolve(model) if chosen is None else os.path.expanduser(model))
        name = path.name
        if path.suffix.lower() != ".gguf" or not path.is_file():
            raise _unknown(model, path, said)
    from freshet.tasks.answers.models.local import LocalModel

    return LocalModel(path, name, project.settings.generation.context_tokens, seconds)


def _unknown(model: str, path: Path, said: str | Endpoint) -> SettingsError:
    names = [EXTRACTIVE, BUNDLED, *([said.name] if isinstance(said, Endpoint) else [])]
    close = nearest(model, names)
    choices = f"Choose {', '.join(map(shown, names))}, or the path of a GGUF file, which ends in .gguf."
    mend = f"Did you mean {close}? {choices}" if close else choices
    if path.suffix.lower() == ".gguf":
        return SettingsError(
            f"the model {shown(model)} does not exist", f"Looked for {escaped(str(path.absolute()))}. {mend}"
        )
    return SettingsError(f"there is no model {shown(model)}", mend)
