"""Find or install a Go toolchain, and download modules."""
