"""Bounded caches of accepted and refused tokens."""
