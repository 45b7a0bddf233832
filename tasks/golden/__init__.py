"""Golden questions: drafted from a corpus and from what people asked, checked against it, and added to its file."""
