"""Change TypeScript source files."""
