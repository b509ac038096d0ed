"""Temporal workflows: the story of a closure. They decide with `closure`, and act only through activities."""
