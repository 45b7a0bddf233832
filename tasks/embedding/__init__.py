"""The embedding model, for both halves: what it is, how it runs, what it costs."""
