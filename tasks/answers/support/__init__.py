"""How far the cited passages say what a sentence says."""
