"""The Python driver."""
