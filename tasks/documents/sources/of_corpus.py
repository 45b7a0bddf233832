"""The sources of the corpus that a run refreshes: their settings, their readers, and what the readers fetch."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from freshet.tasks.documents.sources import matches, open_source, source_name
from freshet.tasks.documents.sources.base import FetchedFile

if TYPE_CHECKING:
    import pyarrow as pa

    from freshet.tasks.documents.links.dead import Covers
    from freshet.tasks.documents.sources.base import SourceReader
    from freshet.tasks.runs.run import RefreshRun
    from freshet.tasks.settings.project import FolderSource, GitSource


def sources_by_name(run: RefreshRun) -> dict[str, FolderSource | GitSource]:
    """Returns the settings of the corpus's sources by name, in the order of the settings."""
    return {source_name(source): source for source in run.settings.sources}


def source_readers(run: RefreshRun) -> dict[str, SourceReader]:
    """Returns a reader of each source, by the source's name. Nothing is read yet."""
    cache = run.store.cache_folder(run.corpus)
    return {name: open_source(source, run.project.root, cache) for name, source in sources_by_name(run).items()}


def covered_paths(run: RefreshRun) -> Covers:
    """Returns a function that tells of a source's name and a path whether the source would list such a path."""
    sources = sources_by_name(run)

    def covers(source: str, path: str) -> bool:
        settings = sources.get(source)
        return settings is not None and matches(path, settings.include, settings.exclude)

    return covers


def content_hashes(run: RefreshRun, documents: pa.Table) -> dict[str, str]:
    """Fetches documents and returns the SHA-256 of their bytes, by doc_id.

    The bytes of one source are on this machine's disk at a time, and are deleted then.

    Args:
        documents: `doc_id`, `source` and `path`. One that cannot be fetched, or is not to be, has no hash.
    """
    import pyarrow.compute as pc

    readers, hashes = source_readers(run), dict[str, str]()
    for source in documents["source"].unique().to_pylist():
        rows = documents.filter(pc.equal(documents["source"], source))
        ids = dict(zip(rows["path"].to_pylist(), rows["doc_id"].to_pylist(), strict=True))
        into = run.folder / "hashed"
        into.mkdir(parents=True, exist_ok=True)
        for path, fetched in readers[source].fetch(list(ids), into).items():
            if isinstance(fetched, FetchedFile):
                hashes[ids[path]] = fetched.content_hash
        shutil.rmtree(into, ignore_errors=True)
    return hashes
