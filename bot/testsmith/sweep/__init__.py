"""Sweeps: rank the untested code of a whole repository and generate tests for it within a budget."""
