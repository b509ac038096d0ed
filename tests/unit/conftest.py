from hypothesis import settings

# Drawn as `tests/conftest.py` says; a failure prints the example and how to run it again.
settings.register_profile("unit", settings.get_profile("drawn"), max_examples=40)
settings.load_profile("unit")
