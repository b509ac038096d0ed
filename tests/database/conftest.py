from tests.postgresql import database_url, postgresql_cluster

__all__ = ["database_url", "postgresql_cluster"]
