"""What Celery workers do for the gateway: campaigns' mail and its figures."""
