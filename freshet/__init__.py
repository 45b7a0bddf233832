"""Freshet keeps what a language model is given fresh and governed; see README.md."""
