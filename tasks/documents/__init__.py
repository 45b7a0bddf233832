"""One half of Freshet: from a source to checked, chunked text."""
