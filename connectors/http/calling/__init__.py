"""How the ports call a provider's service: signed, bounded in time and size, tried again where that helps."""
