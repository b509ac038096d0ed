"""What tests of several folders share: an installation as they drive it, accounts, databases, fakes."""
