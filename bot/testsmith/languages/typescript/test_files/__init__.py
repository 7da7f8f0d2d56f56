"""Read and edit TypeScript test files."""
