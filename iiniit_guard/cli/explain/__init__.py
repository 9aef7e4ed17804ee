"""`iiniit-guard explain`: why a guard accepts or refuses one token."""
