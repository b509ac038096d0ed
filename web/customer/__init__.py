"""The customer's pages: from the overview to the result."""
