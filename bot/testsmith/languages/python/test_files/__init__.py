"""Python test files: where tests go, and how they are edited."""
