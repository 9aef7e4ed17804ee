"""`iiniit-guard doctor`: check the settings of a guard, its issuers and the servers in front."""
