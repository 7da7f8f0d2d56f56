"""`python -m bot` is the same program as `testsmith`."""

from bot.main import main

main()
