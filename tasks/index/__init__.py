"""The other end of the refresh: from chunks to searchable releases."""
