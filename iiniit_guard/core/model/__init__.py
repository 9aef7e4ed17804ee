"""Values that a decision works with: requests, tokens, policies, problems and effects."""
