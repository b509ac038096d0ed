"""The commands of the embedded account platform: load and show accounts, and play the world around them."""

from commandline.platform import accounts, elsewhere, law
from commandline.platform.group import app

__all__ = ["accounts", "app", "elsewhere", "law"]
