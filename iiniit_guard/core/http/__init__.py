"""What crosses HTTP: the credential, the challenge, and the event of one request."""
