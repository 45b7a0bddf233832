"""What decides whether a refresh may be released: facts, probes, the exam, and their reasons."""
