"""General against custom on the same cases: tasks, runs, statistics and the verdict."""
