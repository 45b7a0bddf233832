"""Whether rows repeat texts that a model will be tested with."""
