"""`iiniit-guard routes`: every route of an application, and what the guard requires for it."""
