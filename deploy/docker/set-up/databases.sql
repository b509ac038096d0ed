-- Run by databases.sh at every start: each statement may find its work done.
-- The passwords are read here, so they appear in no command line.
\set temporal_password `cat "$SECRETS_DIR/temporal_database_password"`
\set closures_password `cat "$SECRETS_DIR/closures_database_password"`

SELECT format('CREATE ROLE %I', role)
FROM (VALUES ('temporal'), ('closures')) AS wanted (role)
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) \gexec

-- Whoever serves customers is made a member of this role: it reads the record and writes acts, nothing else.
SELECT 'CREATE ROLE closure_client NOLOGIN'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'closure_client') \gexec

ALTER ROLE temporal LOGIN PASSWORD :'temporal_password';
ALTER ROLE closures LOGIN PASSWORD :'closures_password';

SELECT format('CREATE DATABASE %I OWNER %I TEMPLATE template0 ENCODING ''UTF8''', database, role)
FROM (VALUES ('temporal', 'temporal'), ('temporal_visibility', 'temporal'), ('closures', 'closures'))
    AS wanted (database, role)
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = database) \gexec

-- Each role reaches its own databases only.
REVOKE ALL ON DATABASE postgres, temporal, temporal_visibility, closures FROM PUBLIC;
