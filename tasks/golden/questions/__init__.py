"""Questions that a reader of a text would ask, made of the text alone. Pure, and without a language model."""
