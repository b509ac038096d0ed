"""The default account platform: the ports implemented in SQL, with tables and migrations of its own."""

from connectors.embedded.platform import MIGRATIONS, embedded_platform

__all__ = ["MIGRATIONS", "embedded_platform"]
