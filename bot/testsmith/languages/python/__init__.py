"""Python language driver."""
