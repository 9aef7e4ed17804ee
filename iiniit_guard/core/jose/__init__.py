"""JSON Web Signatures and Keys, parsed strictly."""
