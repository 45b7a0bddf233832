"""Finds rows that repeat texts with which a model will be tested."""
