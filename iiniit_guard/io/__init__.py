"""The means: driving a flow, and performing what it asks for in threads and on event loops."""
