"""A package to measure on: money, spans of time, words and tables."""
