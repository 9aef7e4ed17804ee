"""Decides about requests and acts on nothing: values in, decisions out, and effects asked for on the way."""
