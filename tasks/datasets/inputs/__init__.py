"""Files of rows: which there are, and what stands in them, row by row, sound or not."""
