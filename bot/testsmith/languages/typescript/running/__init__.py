"""Run tests with Node: the toolchain and packages, frameworks, runs, mutants, the project's own tests."""
