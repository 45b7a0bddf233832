"""Spreadsheets: each cell as the person in front of it sees it."""
