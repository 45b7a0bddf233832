"""Shapes rows, as files hold them, into examples in the dataset's format."""
