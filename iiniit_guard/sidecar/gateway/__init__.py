"""The endpoints that a gateway calls: authorization and token introspection."""
