"""A complete OAuth 2.0 flow on one machine: authorization server, client and three guarded APIs.

`make demo` starts it.
"""
