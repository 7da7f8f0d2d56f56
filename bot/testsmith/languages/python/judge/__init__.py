"""What a Python member documents, and its mutants."""
