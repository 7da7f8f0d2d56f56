"""Read and edit Go test files."""
