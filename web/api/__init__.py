"""The HTTP API, for a provider's own console in any language."""
