"""Placement of accepted tests in the project's test files."""
