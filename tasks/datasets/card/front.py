"""The front matter of a dataset card: the YAML that libraries read when they load the folder of a version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from freshet.tasks.datasets.origins.licences import spdx_identifier

if TYPE_CHECKING:
    from freshet.tasks.datasets.export.files import ExportFile
    from freshet.tasks.ledger.versions import VersionFacts

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"),
          (10_000_000, "1M<n<10M"), (100_000_000, "10M<n<100M"))  # fmt: skip
"""Bounds of the number of rows, and what Hugging Face calls a dataset of fewer rows."""


def front_matter(facts: VersionFacts, files: Sequence[ExportFile]) -> str:
    """Returns the front matter: the licence, the size, and which files hold which split."""
    import yaml

    known = [spdx_identifier(one["licence"]) for one in facts.sources]
    licences = sorted({one.lower() if one else "other" for one in known})
    kept = facts.rows["kept"]
    front: dict[str, Any] = {
        "pretty_name": facts.dataset,
        "version": facts.version,
        "license": licences[0] if len(licences) == 1 else licences,
        "task_categories": ["text-classification" if facts.classes else "text-generation"],
        "size_categories": [next((name for most, name in _SIZES if kept < most), "n>100M")],
        "tags": ["fine-tuning", facts.format],
    }
    # Libraries read all configurations of a folder with one reader: those of JSONL are listed, else those of Parquet.
    kinds = [kind for kind in ("trl", "openai") if any(one.kind == kind for one in files)] or ["parquet"]
    configs = [_config(kind, [one for one in files if one.kind == kind and one.rows]) for kind in kinds]
    front["configs"] = [{**one, "default": True} if not at else one for at, one in enumerate(configs)]
    if not any(one["data_files"] for one in configs):
        del front["configs"]
    return f"---\n{yaml.safe_dump(front, sort_keys=False, allow_unicode=True)}---"


def _config(kind: str, files: Sequence[ExportFile]) -> dict[str, Any]:
    return {"config_name": kind, "data_files": [{"split": one.split, "path": one.path} for one in files]}
