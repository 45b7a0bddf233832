"""The query log: what waits in files comes into its table, and what was kept long enough goes."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from freshet.tasks.errors import ConcurrentWriter, CorpusBusy, StoreUnreachable
from freshet.tasks.ledger.query_events import LOG
from freshet.tasks.settings.spans import shifted

if TYPE_CHECKING:
    from freshet.tasks.maintenance.freed import Maintained
    from freshet.tasks.settings.generation import QueryLog
    from freshet.tasks.store.tables import Store


def keep_query_log(store: Store, settings: QueryLog, found: Maintained, now: datetime, dry_run: bool) -> None:
    """Folds the query log, and takes the questions out of it that were kept for as long as the settings say.

    What keeps it from that is a note: the next maintenance sees to it.
    """
    from freshet.tasks.ledger.query_log import expire, fold

    try:
        if not dry_run:
            folded = fold(store)
            if folded.unwritten:
                found.notes.append(f"{folded.unwritten:,} events of the query log could not be written, and are lost")
            if folded.cut:
                found.notes.append(f"{folded.cut:,} lines of the query log were cut short or altered, and are lost")
            if folded.left:
                found.notes.append(f"{folded.left:,} files in {store.spool_folder()} belong to others, and stay there")
        gone = expire(store, shifted(now, -settings.keep), dry_run=dry_run)
        found.add("questions", LOG, gone)
    except StoreUnreachable:
        raise
    except (CorpusBusy, ConcurrentWriter) as error:
        found.notes.append(f"{error.what}; it was left alone")
    except OSError as error:
        found.notes.append(f"the query log was left alone: {error}")
