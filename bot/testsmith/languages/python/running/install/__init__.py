"""Find what a project's tests need and install it. Project files are read as data."""
