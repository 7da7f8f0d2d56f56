"""The tests that a project has, read without running anything."""
