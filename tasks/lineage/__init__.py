"""Who may see and use what, and where everything came from."""
