"""Go, tested with its own `testing` package."""
