"""What all tasks stand on."""
