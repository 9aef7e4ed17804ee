"""What every adapter shares: which requests are admitted, what a request carries, and what decorators do."""
