"""`/play`: one screen on which a newcomer sees the whole thing, and plays the world around it.

Served by `make up` beside the pages, on a local installation only; no image for production has it.
"""
