from hypothesis import settings

# Random examples on every run; a failure prints the example and how to run it again.
settings.register_profile("unit", deadline=None, derandomize=False, print_blob=True, max_examples=40)
settings.load_profile("unit")
