"""Judge tests in Go."""
