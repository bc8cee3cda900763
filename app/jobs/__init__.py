"""Durable work on DBOS: queues, workers, cancelling, and resuming where a killed worker stopped."""
