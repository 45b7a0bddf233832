"""Writes what describes a version: its card, its plots, and its Croissant metadata."""
