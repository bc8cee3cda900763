"""Versus answers with evidence: for this task, a general-purpose LLM or a custom-built one?"""

__version__ = "0.1.0"
