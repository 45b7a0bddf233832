"""Backfills: windows of time, what is to be done in each, and the durable record of what was."""
