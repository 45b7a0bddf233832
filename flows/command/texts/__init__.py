"""Renders what the command prints."""
