"""TestSmith Bot: tests for what a pull request changes, proven before anyone sees them."""

__version__ = "0.1.0"
