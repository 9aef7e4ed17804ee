"""What a token's claims must say."""
