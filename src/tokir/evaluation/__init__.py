"""Ranked lists and judgements to numbers: measures, intervals, latency."""
