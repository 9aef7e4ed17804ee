"""Consumers of events: `Guard(on_event=...)` takes each of them."""
