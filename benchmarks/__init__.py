"""Speed and memory targets; run by ``make bench``, never by the tests."""
