"""The rules that documents, chunks and examples are held to."""
