"""A campaign's mail: written, delivered, and what comes back."""
