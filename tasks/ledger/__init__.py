"""The tables of the store's ledger, one file each: the only place that reads and writes them."""
