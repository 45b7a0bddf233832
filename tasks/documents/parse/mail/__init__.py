"""Readers of mail: messages as RFC 5322 writes them, and those of Outlook."""
