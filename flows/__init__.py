"""What Prefect runs: one file, one flow, each reading as the story of its named steps."""
