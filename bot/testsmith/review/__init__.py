"""Review of one pull request: read its state, generate tests, and update its comments."""
