"""Key material and what is done with it: signatures and encryption. Keys come from files, never from code."""
