"""The outer shell of the GitHub Action: what a workflow gives to it, and what it leaves there."""
