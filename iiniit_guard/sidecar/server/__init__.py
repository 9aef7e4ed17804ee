"""The server processes: listeners, workers and connection limits."""
