"""What came of listing the sources of a corpus, left in files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from freshet.tasks.documents.sources.of_corpus import source_readers, sources_by_name
from freshet.tasks.documents.work_files import work_file

if TYPE_CHECKING:
    import pyarrow as pa

    from freshet.tasks.runs.run import RefreshRun


@dataclass(frozen=True)
class ListedSource:
    """What came of listing a source.

    Attributes:
        name: the source's name.
        file: Arrow file of its documents, as `plan.describe_listing` gives them.
        listed: how many documents those are.
        complete: whether the source was listed to its end.
        error: why it was not; None where it was.
        skipped: files that are no documents, and why, by path.
    """

    name: str
    file: Path
    listed: int
    complete: bool
    error: str | None
    skipped: dict[str, str]


def list_source(run: RefreshRun, source: str) -> ListedSource:
    """Lists a source and joins what the settings say of its documents.

    A source that cannot be reached is no error here: its listing is not complete.
    """
    from pyarrow import feather

    from freshet.tasks.documents.parse.fingerprint import parser_fingerprint
    from freshet.tasks.documents.planning.plan import describe_listing

    settings = sources_by_name(run)[source]
    listing = source_readers(run)[source].list()
    parser_of = partial(parser_fingerprint, comments=run.settings.parsing.comments)
    limits = _limits_fingerprint(run, int(settings.max_size))
    table = describe_listing(listing.table, settings, run.corpus, source, parser_of, limits)
    file = work_file(run, _file_of(source))
    feather.write_feather(table, file, compression="uncompressed")
    return ListedSource(
        source, file, table.num_rows, listing.complete, listing.error, {s.path: s.reason for s in listing.skipped}
    )


def still_listed(run: RefreshRun, documents: pa.Table) -> pa.Table:
    """Those of the documents that their sources list in this run; a source that was not listed says of none.

    Args:
        documents: `source` and `path`, and further columns.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import feather

    found = [documents.slice(0, 0)]
    for source in documents["source"].unique().to_pylist():
        file = work_file(run, _file_of(source))
        if file.is_file():
            paths = feather.read_table(file, columns=["path"], memory_map=True)["path"]
            own = documents.filter(pc.equal(documents["source"], source))
            found.append(own.filter(pc.is_in(own["path"], value_set=paths.combine_chunks())))
    return pa.concat_tables(found)


def _file_of(source: str) -> str:
    """The name of a source's listing. A source's own name may hold what no file's name may, and be long."""
    return f"listing-{sha256(source.encode()).hexdigest()[:8]}"


def skipped_files(listed: Iterable[ListedSource]) -> dict[tuple[str, str], str]:
    """Returns why each file was skipped that exists and is no document, by source and path."""
    return {(source.name, path): why for source in listed for path, why in source.skipped.items()}


def _limits_fingerprint(run: RefreshRun, max_size: int) -> str:
    """The limits of parsing as a fingerprint: what was refused under some is tried again under others."""
    return sha256(f"{run.settings.parsing.limits()}|{max_size}".encode()).hexdigest()[:12]
