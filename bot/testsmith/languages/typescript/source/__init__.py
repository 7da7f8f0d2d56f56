"""Read TypeScript and JavaScript source files."""
