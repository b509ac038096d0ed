"""For trying on one machine: the local Temporal server, `make up` and `make down`, the demo, fast-forward."""
