"""What is read on a pull request: comments, the summary, replies, commit messages."""
