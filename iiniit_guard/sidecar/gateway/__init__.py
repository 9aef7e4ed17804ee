"""What a gateway asks: whether a request may pass, and what a token says."""
