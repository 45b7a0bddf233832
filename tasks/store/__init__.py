"""How anything is kept: tables, files, locks and buckets."""
