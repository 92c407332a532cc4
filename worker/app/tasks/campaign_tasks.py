"""Queue campaigns."""
