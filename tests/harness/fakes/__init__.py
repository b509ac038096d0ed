"""Hand-written fakes: ports that do what the embedded platform does, and misbehave on demand."""
