"""Rendering of observed cases as a test module."""
