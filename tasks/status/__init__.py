"""What goes on in the whole project: every corpus and dataset, and what the Prefect server knows of them."""
