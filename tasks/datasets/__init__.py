"""Rows → published dataset versions."""
