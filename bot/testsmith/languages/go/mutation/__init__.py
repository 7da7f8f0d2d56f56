"""Change Go source files."""
