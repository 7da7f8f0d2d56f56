"""Read Go source files."""
