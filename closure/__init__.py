"""Pure domain of account closure: no I/O, no Temporal, no clock."""
