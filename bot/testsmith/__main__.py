"""Entry point of `python -m testsmith`, the same program as `testsmith`."""

from __future__ import annotations


def main() -> None:
    """Run the program. Ctrl-C ends it without a traceback, even during imports."""
    try:
        from testsmith.app import main as run

        run()
    except KeyboardInterrupt:
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
