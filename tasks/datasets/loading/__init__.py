"""Loads the files of an input into staged rows, each with its origin."""
