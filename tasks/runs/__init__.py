"""What every flow run needs, whatever it does."""
