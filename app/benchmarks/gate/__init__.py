"""May this run replace that one: gates for pipelines, and what changed from a baseline run, case by case."""
