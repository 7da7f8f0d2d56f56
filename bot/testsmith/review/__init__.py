"""The story of one pull request: what is read, what is looked at, what is done to its comments."""
