"""What a file does, loads or carries when somebody opens it: found by reading alone, and never followed."""
