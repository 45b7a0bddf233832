"""Links between documents, and to the outside."""
