"""The only way in: what a customer, support and operators do with closures, for every face of the program."""

from client.client import ClosureClient
from client.faults import NotAnswered
from client.identity import ProofOfIdentity

__all__ = ["ClosureClient", "NotAnswered", "ProofOfIdentity"]
