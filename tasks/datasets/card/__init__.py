"""What a version says of itself: its card, its plots, its Croissant metadata."""
