"""Pages, artifacts and Prefect events about runs."""
