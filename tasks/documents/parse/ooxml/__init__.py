"""Readers of Word and PowerPoint files, over the XML of their parts."""
