"""Who may see and use what, and until when."""
