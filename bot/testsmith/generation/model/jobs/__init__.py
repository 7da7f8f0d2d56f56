"""A model asked by jobs: all calls of a run together, answered at half the price within a day."""
