"""Strict parsing and verification of JSON Web Signatures and Keys."""
