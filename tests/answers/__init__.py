"""Tests of answers: their language models, and what is made of what those say."""
