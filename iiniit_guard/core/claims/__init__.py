"""Checks of a token's claims."""
