"""Where code of the project under test runs: sandbox, copies, interpreter, workers."""
