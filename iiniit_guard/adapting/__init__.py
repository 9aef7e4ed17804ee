"""Code that all adapters share: admission of requests, request state, decorators, refusals."""
