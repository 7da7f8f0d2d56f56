"""Offline test generator: runs members on inputs and asserts the observed results."""
