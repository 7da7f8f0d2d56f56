"""Judge tests in TypeScript."""
