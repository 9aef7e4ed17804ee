"""The settings of the sidecar, validated and immutable."""
