from tests.harness.databases import database_url, postgresql_cluster, postgresql_url

__all__ = ["database_url", "postgresql_cluster", "postgresql_url"]
