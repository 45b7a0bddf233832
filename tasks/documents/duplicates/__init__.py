"""Which documents are copies of others, and which one answers for them."""
