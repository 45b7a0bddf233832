"""From parsed elements to passages."""
