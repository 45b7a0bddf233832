"""What documents and datasets both need of a text."""
