"""What support and operators see of all closures, and what operators may do."""
