"""Says of an error that nobody foresaw whether a damaged table is behind it, and which."""

from __future__ import annotations

from freshet.tasks.doctor.examine import find_damage
from freshet.tasks.errors import AccessCheckFailed, DamagedTable, FreshetError
from freshet.tasks.settings.file import Project
from freshet.tasks.store.trouble import is_panic, mendable


def explain(error: BaseException, project: Project) -> FreshetError | None:
    """The message for a person: what can be mended of the error, or which table of the store is damaged.

    Damaged bytes show in any error: Lance fails or panics, a text is no JSON any more, a row is missing. So the files
    of the store are looked at, as the doctor does, which takes as long as to read them.

    Returns:
        None for a bug, which is to keep its traceback; an error that the store's files do not explain is one.
    """
    told = mendable(error)
    if not may_hide_damage(error):
        return told
    try:
        found = find_damage(project)
    except FreshetError as trouble:
        return trouble
    if not found:
        return told
    first, more = found[0], len(found) - 1
    also = f" freshet doctor names {more} more." if more else ""
    before = f"{told.what}: " if told is not None else ""
    return DamagedTable(f"{before}{first.where} is damaged ({first.code}): {first.what}", first.mend + also)


def may_hide_damage(error: BaseException) -> bool:
    """Whether an error says too little to be told as it is: it was not foreseen, or only says that a look-up failed."""
    if isinstance(error, AccessCheckFailed):
        return error.__cause__ is not None
    return mendable(error) is None and (isinstance(error, Exception) or is_panic(error))
