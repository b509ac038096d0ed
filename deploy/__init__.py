"""Running the system: the local Temporal server, `make up` and `make down`, fast-forward, dashboards."""
