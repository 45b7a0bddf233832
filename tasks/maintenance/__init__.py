"""Maintenance of the store: fewer files, no old versions that nobody needs, nothing kept beyond its time."""
