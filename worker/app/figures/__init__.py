"""What became of the mail, in figures."""
