"""The iiniit profile API three times, on Flask, Django and Starlette: the same paths, the same scopes, the same answers."""
