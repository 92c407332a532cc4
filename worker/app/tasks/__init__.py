"""The tasks, by the queue they come from."""
