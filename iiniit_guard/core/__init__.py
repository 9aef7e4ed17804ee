"""Decisions about requests, without I/O. The core returns values and yields effects."""
