"""A small ledger."""

import logging

__version__ = "1.0"

logging.getLogger("ledger").setLevel(logging.DEBUG)
