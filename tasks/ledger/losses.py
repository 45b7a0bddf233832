"""What it means that rows of a table of the ledger are lost."""

from __future__ import annotations

from freshet.tasks.store import schemas

COSTS = {
    schemas.RELEASES: "releases that the tags of the tables still name are put back; rejections and exams are not",
    schemas.ACCESS_CLASSES: "nothing is shown to anybody until freshet refresh has written the access classes of each "
    "corpus anew",
    schemas.RUNS: "sources count as looked at by the next refresh only",
    schemas.DATASET_VERSIONS: "versions of datasets that it named are not offered any more; their rows and exports are "
    "still there. Restore this table from a backup before anything is built",
    schemas.BUILDS: "the next build of each dataset reads its inputs, changed or not",
    schemas.DECISIONS: "what people accepted or overrode waits for them again: freshet quarantine CORPUS",
    schemas.ROW_DECISIONS: "what people decided about rows waits for them again: freshet dataset review NAME",
    schemas.WINDOWS: "windows that a backfill has done count as missing",
    schemas.LOOKS: "the monitor tells again what it told before",
    schemas.QUERY_LOG: "the record of past questions",
    schemas.LINEAGE: "freshet trace finds less, but for what is refreshed or built from now on",
    schemas.LINEAGE_EVENTS: "events of past runs; freshet status does not know those runs",
    schemas.LINEAGE_DELIVERIES: "events that were delivered are sent again",
}
"""By name of the table, what a person loses with its rows, and what makes up for them."""
