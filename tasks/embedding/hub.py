"""Models of the hub: the snapshot that is on this machine, or a download."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from freshet.tasks.errors import EmbeddingError


def hub_folder(name: str, folder: Path, weight_files: Callable[[Path], list[Path]], otherwise: str) -> Path:
    """The snapshot of a model of the hub: the one that is here, else a download, where that is allowed."""
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
        f"embedding.model {name!r} is neither a folder ({folder}) nor a model on this machine, "
        f"and cannot be fetched from the hub: {reason}",
        f"Check the name, fetch it where there is a network (hf download {name}), name the folder of a copy, "
        f"or write model: {otherwise}.",
    ) from None


def _probe_hub(name: str) -> None:
    """One quick question, since the download itself retries for a minute where there is no network."""
    from huggingface_hub import HfApi

    HfApi().model_info(name, timeout=10)


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
