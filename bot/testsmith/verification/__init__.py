"""Run candidates, collect evidence, and decide which tests to suggest."""
