"""Verdicts, the rules behind them, and the suites that Great Expectations runs."""
