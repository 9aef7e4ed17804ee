"""Values that the decision is made of: requests, tokens, policies, problems, effects."""
