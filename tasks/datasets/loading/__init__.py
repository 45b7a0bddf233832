"""From the files of an input to staged rows, each with its origin."""
