"""The iiniit profile API on Flask, Django and Starlette: same paths, scopes and responses."""
