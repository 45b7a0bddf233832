"""Words as an index holds them: a passage and a question are taken apart by one set of rules."""
