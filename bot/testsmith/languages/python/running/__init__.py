"""Running Python tests and a Python project's own suite in the sandbox."""
