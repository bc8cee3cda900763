"""Engines: what turns a request into text or label scores."""
