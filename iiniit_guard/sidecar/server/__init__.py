"""The server processes: listeners, workers, limits of connections."""
