"""Which rows of a dataset are copies of each other, or say the opposite of each other."""
