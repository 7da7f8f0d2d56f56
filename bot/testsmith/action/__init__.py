"""Entry point of the GitHub Action: inputs, outputs and the runner's environment."""
