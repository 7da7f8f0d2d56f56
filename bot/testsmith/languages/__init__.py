"""Language drivers, the code that depends on a programming language."""
