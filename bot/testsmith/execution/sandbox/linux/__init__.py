"""Sandbox layers on Linux, and the launcher that applies them. Standard library only."""
