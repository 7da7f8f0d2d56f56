"""languages, the code that depends on a programming language."""
