"""Finds where a row comes from, and what its origin permits."""
