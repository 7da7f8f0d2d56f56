"""What a Python member promises, and the mutants that tests of it have to kill."""
