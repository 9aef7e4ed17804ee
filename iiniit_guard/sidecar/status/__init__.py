"""The status page, its statistics and the metrics."""
