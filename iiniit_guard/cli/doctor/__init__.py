"""`iiniit-guard doctor`: whether a guard can work with its settings, its issuers and its server."""
