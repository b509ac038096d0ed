"""Every rule of the ports as a named check that any implementation can be tried by.

Run with ``python -m connectors.conformance``, or by the fixtures of `connectors.conformance.pytest_plugin`.
"""

from connectors.conformance.subject import AccountWanted, ConformanceSubject, NotOffered, OpenedAccount

__all__ = ["AccountWanted", "ConformanceSubject", "NotOffered", "OpenedAccount"]
