"""Tests of the pure parts: no database, no server, no waiting."""
