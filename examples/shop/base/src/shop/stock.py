"""What is in store."""


class OutOfStock(Exception):
    """There is less of an item than was asked for."""
