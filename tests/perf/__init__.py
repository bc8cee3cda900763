"""What `make perf` prints: numbers of speed, each beside its target and, where there is one, a peer in the same run."""
