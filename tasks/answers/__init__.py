"""Answers from what the asker may see: retrieval, floor, prompt, model, citations, support, refusal."""
