from tests.workflows.fixtures import house, houses, policies, template_database

__all__ = ["house", "houses", "policies", "template_database"]
