"""Slash commands: who may give them, and what each does."""
