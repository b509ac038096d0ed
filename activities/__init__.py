"""What a closure does, one module a concern, a class each that takes its ports in ``__init__``."""
