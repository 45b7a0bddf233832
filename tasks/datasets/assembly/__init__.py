"""Puts the rows of a version together from the staged rows and what every check found."""
