"""The ASGI applications of the three listeners."""
