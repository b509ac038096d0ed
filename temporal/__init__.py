"""Temporal's side of an installation: connection, registration, search attributes, the closure's clock."""
