"""The tables of the store's ledger, which nothing else reads or writes, but for those of lineage and its events."""
