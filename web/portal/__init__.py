"""How a customer gets to the pages: the provider's console, which has signed them in, asks for a link."""
