"""Bounded caches of accepted and of refused tokens."""
