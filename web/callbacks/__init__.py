"""What the provider's systems tell on their own, from machine to machine."""
