"""Run tests of Go: the toolchain, builds, test binaries and the project's own tests."""
