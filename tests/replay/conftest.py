from tests.harness.fixtures import installation, installations, policies, server_databases, template_database

__all__ = ["installation", "installations", "policies", "server_databases", "template_database"]
