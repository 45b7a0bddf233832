"""Finds rows of a dataset that are copies of each other, and rows that contradict each other."""
