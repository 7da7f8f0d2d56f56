"""The commands a person types. They call the same functions as the action, and never exit by themselves."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bot import __version__
from bot.settings import DEFAULT_MODEL, OPTIONS, Option, OutputFormat, ProviderChoice, SandboxChoice

_DESCRIPTION = """\
Makes tests for the public members that a change adds, alters or affects, runs them in a sandbox,
and shows only the proven ones."""

_EPILOG = """\
environment:
  TESTSMITH_API_KEY, OPENAI_API_KEY   the model's key (the first that is set); never a flag

exit codes:
  0  the report is complete, whatever was skipped
  1  key refused, quota empty, endpoint never reached, internal error
  2  usage, settings, unknown revision, no repository, missing key
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    whole = argparse.ArgumentParser(
        prog="testsmith",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    whole.add_argument("--version", action="version", version=f"testsmith {__version__}")
    commands = whole.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_suggest(commands)
    _add_cache(commands)
    return whole


def _add_suggest(commands: Any) -> None:
    suggest = commands.add_parser(
        "suggest",
        help="suggest proven tests for what a change does",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_selection(suggest.add_argument_group("what to look at"))
    _add_generation(suggest.add_argument_group("who makes the tests"))
    _add_proof(suggest.add_argument_group("how they are proven"))
    _add_output(suggest.add_argument_group("what comes of it"))
    _add_options(suggest.add_argument_group("settings that testsmith.toml or [tool.testsmith] may hold, too"))


def _add_selection(group: Any) -> None:
    group.add_argument("--repo", metavar="DIR", default=".", help="the project's folder (default: this one)")
    group.add_argument("--base", metavar="REV", help="revision to compare with; the merge base counts")
    group.add_argument("--head", metavar="REV", help="revision to look at (default: the working tree)")
    group.add_argument(
        "--all", metavar="PATH", nargs="+", help="take every public member of these files or folders as added"
    )
    group.add_argument(
        "--only", metavar="MEMBER|PATH", action="append", help="only this member, file or folder (repeatable)"
    )


def _add_generation(group: Any) -> None:
    group.add_argument(
        "--provider",
        choices=[choice.value for choice in ProviderChoice],
        help="auto (default): openai where there is a key, else offline",
    )
    group.add_argument("--base-url", metavar="URL", help="another OpenAI-compatible endpoint; the key is optional")
    record = group.add_mutually_exclusive_group()
    record.add_argument("--record", metavar="FILE", help="keep the run's model exchanges in this file")
    record.add_argument("--replay", metavar="FILE", help="answer from such a file, strictly, without a network")
    group.add_argument("--cache-dir", metavar="DIR", help="where results are kept between runs")


def _add_proof(group: Any) -> None:
    group.add_argument(
        "--verify",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="run the tests and keep the proven ones (default); without it nothing is written",
    )
    group.add_argument(
        "--sandbox",
        choices=[choice.value for choice in SandboxChoice],
        help="how much isolation is owed before code is run (default: best-effort)",
    )
    group.add_argument(
        "--python",
        metavar="PATH",
        help="interpreter with pytest that runs the tests (default: $VIRTUAL_ENV, DIR/.venv, or this one)",
    )


def _add_output(group: Any) -> None:
    group.add_argument("--write", action="store_true", help="write the tests into the project's test tree")
    group.add_argument("--verbose", action="store_true", help="say more on stderr, cache statistics included")
    group.add_argument("--format", choices=[choice.value for choice in OutputFormat], help="default: text")


def _add_options(group: Any) -> None:
    for option in OPTIONS:
        group.add_argument(f"--{option.name}", help=_option_help(option), **_option_kind(option))


def _option_help(option: Option) -> str:
    return f"{option.help} (default: {DEFAULT_MODEL})" if option.name == "model" else option.help


def _option_kind(option: Option) -> dict[str, Any]:
    if option.kind is list:
        return {"action": "append", "metavar": "GLOB"}
    return {"type": option.kind, "metavar": {int: "N", float: "X"}.get(option.kind, "NAME")}


def _add_cache(commands: Any) -> None:
    cache = commands.add_parser("cache", help="look after the result cache", allow_abbrev=False)
    cache.add_argument("action", choices=["stats", "prune", "clear"])
    cache.add_argument("--cache-dir", metavar="DIR", help="where results are kept between runs")
