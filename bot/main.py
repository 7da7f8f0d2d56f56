"""The entry point: the one place that reads the environment, builds the clients, and exits."""


def main() -> None:
    """Run the command line."""
