"""Where a row comes from, and what that permits."""
