from tests.e2e.conftest import installation
from tests.postgresql import database_url, postgresql_cluster
from tests.workflows.fixtures import house, houses, policies, template_database

__all__ = [
    "database_url",
    "house",
    "houses",
    "installation",
    "policies",
    "postgresql_cluster",
    "template_database",
]
