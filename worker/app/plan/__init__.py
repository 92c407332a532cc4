"""When a mail is best sent: learned, and then kept to."""
