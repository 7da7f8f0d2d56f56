"""Detect test functions that are worthless or hard to maintain, even if they pass."""
