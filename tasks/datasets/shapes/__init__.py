"""Rows as files hold them → examples in the dataset's format."""
