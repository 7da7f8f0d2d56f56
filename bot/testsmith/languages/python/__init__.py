"""Python language."""
