"""What the service and its workers agree on: the names of queues and workflows, and the version by which work is resumed."""

TRAINING_QUEUE, TRAINING_GPU_QUEUE, TRAINING_WORKFLOW = "training", "training-gpu", "training-run"
BENCHMARK_QUEUE, BENCHMARK_WORKFLOW = "benchmarks", "benchmark-run"
SCORECARD_WORKFLOW = "scorecard"  # on the benchmarks' queue, behind the runs that it reads

QUEUES = (TRAINING_QUEUE, TRAINING_GPU_QUEUE, BENCHMARK_QUEUE)

APPLICATION = "versus"
SCHEMA = "dbos"  # of the job system's tables in PostgreSQL; in SQLite they have a file of their own

# Fixed, not derived from the code: a workflow begun before an update must be found again by the worker after it. Raise it
# only when a workflow's order of steps changes such that a half-done one could not go on.
WORKFLOW_VERSION = "1"
