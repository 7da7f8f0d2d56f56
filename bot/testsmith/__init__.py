"""TestSmith Bot: tests for what a pull request changes, proven before anyone sees them."""

import sys

__version__ = "0.1.0"

PROGRAM = ("uvx", "testsmith-bot") if "/archive-v" in sys.prefix else ("testsmith",)
"""The words that run the program again; uvx keeps it in its cache, under this name, and not on `PATH`."""

ADDRESS = "https://github.com/testsmith-bot/testsmith-bot"
"""The repository. `make reference` writes it wherever else it is named."""

ACTION = f"{ADDRESS.removeprefix('https://github.com/')}@v{__version__.partition('.')[0]}"
"""The action as workflows name it: the newest release with the same major version."""
