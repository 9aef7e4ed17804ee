"""I/O: drivers of flows, and the effects that flows request, in threads and on event loops."""
