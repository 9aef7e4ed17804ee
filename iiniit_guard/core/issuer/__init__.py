"""One trusted issuer: its settings, keys, metadata, introspection and call limits."""
