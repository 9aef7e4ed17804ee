"""HTTP parts: the credential, the challenge, and the event of one request."""
