"""Runs in the formats of other evaluation tools, and other tools' tasks against our service."""
