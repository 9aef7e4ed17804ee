"""The settings of the sidecar, checked and frozen."""
