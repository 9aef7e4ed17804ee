"""Event listeners for `Guard(on_event=...)`."""
