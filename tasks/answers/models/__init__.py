"""The language models that answers are made by."""
