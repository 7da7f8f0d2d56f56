"""Baseline: run the project's tests and measure what they cover. Other packages start at `suite`."""
