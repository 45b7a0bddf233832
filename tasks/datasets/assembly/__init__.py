"""From what every check found to the rows of a version."""
