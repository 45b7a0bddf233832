"""What changed since the ledger was written, and what is to be done about it."""
