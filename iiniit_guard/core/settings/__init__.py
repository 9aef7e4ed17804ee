"""The settings of a guard, checked and frozen."""
