"""Words as an index of them holds them, the same for a passage and for a question."""
