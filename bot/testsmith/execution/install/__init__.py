"""Where a project says what its tests need: each place is read as data, and nothing in it is run."""
