"""Texts for pull requests: comments, the summary, replies and commit messages."""
