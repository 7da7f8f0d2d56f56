"""Where pull requests live: what is there, what is remembered there, and what is to be done there."""
