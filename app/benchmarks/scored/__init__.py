"""Runs of the kinds whose cases get scores, not labels: extraction, qa, summarisation, perplexity."""
