"""Tests that read the public data; skipped where that is absent. They take longer than unit tests may."""
