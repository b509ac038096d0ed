"""A platform of ours served under the contract: to try the connector, and to see how a service may do it."""
