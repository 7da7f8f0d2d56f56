"""The project's own tests, run in a copy of the project."""
