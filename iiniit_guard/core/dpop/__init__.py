"""DPoP (RFC 9449): proofs that the sender of a request holds the key of its access token."""
