"""The parser of the command line: commands, their options, and help. Only what is light is imported."""

from __future__ import annotations

import argparse
import re
from enum import StrEnum
from typing import Any, NoReturn

from testsmith import __version__
from testsmith.options import Option, nearest
from testsmith.settings import CACHE_DIR, EVERY_OPTION, PROVIDER, OutputFormat
from testsmith.subcommands.completion import SHELLS

_DESCRIPTION = """\
Suggest tests for the public functions and classes that a change adds, changes or affects.
Every test is run in a sandbox, and only proven tests are shown."""

_SWEEP_DESCRIPTION = """\
Suggest tests for the least-tested code of a project, most valuable first, until the budget is used up.
Every test is run in a sandbox, and only proven tests are shown."""

_REVIEW_DESCRIPTION = """\
Review a pull request on GitHub from a checkout of its repository, with a personal token in GH_TOKEN or
GITHUB_TOKEN, or that of the GitHub CLI (gh auth login). The review is printed as it would be posted.
The checkout is not changed."""

_PROVE_DESCRIPTION = """\
Judge tests that someone else wrote: what each test function protects, and why. They are run in a sandbox
on the working tree, with the sources of the merge base, against mutants of the code they reach, and without
the project. Nothing is written."""

_PROVE_EPILOG = """\
exit codes:
  0  no test function fails, is flaky or cannot fail
  1  one does, the project cannot be run, or an internal error
  2  wrong usage or settings, unknown revision, file or test, or not a repository
"""

_MCP_DESCRIPTION = """\
Serve an agent with the Model Context Protocol on standard input and output: prove tests, audit those of a
change, list surviving mutants, suggest tests. An agent's program starts it; see docs/agents.md. Everything
runs in the sandbox on copies of the project, and no file of the project is written.
It needs the extra `mcp`: pip install 'testsmith-bot[mcp]'."""

_DOCTOR_DESCRIPTION = """\
Check the repository, the interpreter, the imports and tests of the project, the sandbox, the model's key
and the cache, and say how to fix what does not work. The exit code is 1 if something needs fixing."""

_COMPLETION_DESCRIPTION = """\
Print a script that completes commands and options. To load it in every new shell, add this line
to the shell's startup file:

  bash (~/.bashrc)                    eval "$(testsmith completion bash)"
  zsh (~/.zshrc, after compinit)      eval "$(testsmith completion zsh)"
  fish (~/.config/fish/config.fish)   testsmith completion fish | source"""

_EPILOG = """\
environment:
  TESTSMITH_API_KEY, OPENAI_API_KEY   API key of the model provider; the first one that is set is used
  TESTSMITH_MAX_MEMBERS, ...          default of the flag with that name, for every flag in docs/settings.md

exit codes:
  0  the report is complete, even if some functions were skipped
  1  API key refused, quota used up, endpoint not reachable, or internal error
  2  wrong usage or settings, unknown revision, not a repository, or no API key
"""


_SETTINGS_OF_PROVE = frozenset(
    {"include", "exclude", "max-file-bytes", "max-minutes", "suite-seconds", "install-seconds"}
)


class _Parser(argparse.ArgumentParser):
    """A parser whose errors name the nearest command or flag."""

    @property
    def flags(self) -> list[str]:
        """All flags."""
        return [name for action in self._actions for name in action.option_strings]

    def error(self, message: str) -> NoReturn:
        """Print the usage and a message, and exit with 2."""
        known, owners = self.flags, list[str]()
        wrong = re.search(r"(?:arguments: |invalid choice: ')([\w-]+)", message)
        for action in self._actions:
            if isinstance(action.choices, dict):  # commands and their parsers
                known += action.choices
                known += [name for one in action.choices.values() for name in one.flags]
                owners += [name for name, one in action.choices.items() if wrong and wrong[1] in one.flags]
        if owners:
            super().error(f"{message}. It is an option of {', '.join(f'`{name}`' for name in owners)}.")
        super().error(message + (nearest(wrong[1], known) if wrong else ""))


def command_line_parser() -> argparse.ArgumentParser:
    """Return the argument parser of the whole command line."""
    whole = _Parser(
        prog="testsmith",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    whole.add_argument("--version", action="version", version=f"testsmith {__version__}")
    commands = whole.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_suggest(commands)
    _add_prove(commands)
    _add_mcp(commands)
    _add_sweep(commands)
    _add_review(commands)
    _add_init(commands)
    _add_doctor(commands)
    _add_cache(commands)
    _add_completion(commands)
    return whole


def _add_suggest(commands: Any) -> None:
    suggest = _command(commands, "suggest", "", "suggest proven tests for a change", _DESCRIPTION)
    group = suggest.add_argument_group("what to examine")
    group.add_argument(
        "--base",
        metavar="REV",
        help="compare with the merge base of this revision and head (default: the default branch, such as"
        " origin/main)",
    )
    _add_place(group)
    group.add_argument(
        "--all",
        metavar="PATH",
        nargs="+",
        help="suggest tests for all public functions and classes in these files or folders",
    )
    group.add_argument(
        "--only",
        metavar="NAME|PATH",
        action="append",
        help="only this function, class, file or folder; repeatable (default: all)",
    )
    group.add_argument(
        "--hint",
        metavar="TEXT",
        help="hint for the model about what to test, in your own words (default: none)",
    )
    suggest.add_argument(
        "-y",
        "--yes",
        action="store_true",
        help="install the project without asking if it cannot be imported (default: ask in a terminal)",
    )
    output = _add_run(suggest)
    output.add_argument(
        "--watch",
        action="store_true",
        help="keep running, look again at what changed after each save, and show what is new",
    )
    output.add_argument(
        "--estimate",
        action="store_true",
        help="estimate model calls and cost, then exit; needs no API key and runs no code",
    )


def _add_prove(commands: Any) -> None:
    prove = commands.add_parser(
        "prove",
        usage="testsmith prove PATH ... [option ...]",
        help="judge tests that you or an agent wrote",
        description=_PROVE_DESCRIPTION,
        epilog=_PROVE_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    group = prove.add_argument_group("what to judge")
    group.add_argument(
        "paths",
        metavar="PATH",
        nargs="+",
        help="test file, folder, or function such as tests/test_cart.py::test_add",
    )
    group.add_argument(
        "--base",
        metavar="REV",
        help="compare with the merge base of this revision and head (default: the default branch, such as"
        " origin/main)",
    )
    _add_place(group)
    group = prove.add_argument_group("proof")
    _add_options(group, "verification", in_file=False)
    group = prove.add_argument_group(
        "settings (also read from testsmith.toml and [tool.testsmith] in pyproject.toml)"
    )
    for option in EVERY_OPTION:
        if option.name in _SETTINGS_OF_PROVE:
            _add_option(group, option)
    output = prove.add_argument_group("output")
    output.add_argument("--verbose", action="store_true", help="print details to stderr")
    output.add_argument(
        "--format",
        choices=[OutputFormat.TEXT, OutputFormat.JSON],
        help="format of the result (default: that of the suffix of --output, else text)",
    )
    output.add_argument(
        "-o", "--output", metavar="FILE", help="write the result to this file (default: standard output)"
    )


def _add_mcp(commands: Any) -> None:
    command = commands.add_parser(
        "mcp",
        usage="testsmith mcp [option ...]",
        help="serve an agent over the Model Context Protocol",
        description=_MCP_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    group = command.add_argument_group("what to examine")
    group.add_argument(
        "--repo", metavar="DIR", default=".", help="folder of the project (default: the current one)"
    )
    group.add_argument(
        "--base",
        metavar="REV",
        help="compare with the merge base of this revision and head unless a call names another one (default:"
        " the default branch, such as origin/main)",
    )
    group = command.add_argument_group("test generation")
    _add_option(group, PROVIDER)
    _add_options(group, "model", in_file=False)
    _add_option(group, CACHE_DIR)
    group = command.add_argument_group("proof")
    _add_options(group, "verification", in_file=False)
    group = command.add_argument_group(
        "settings (also read from testsmith.toml and [tool.testsmith] in pyproject.toml)"
    )
    _add_options(group, "selection", "model", "budget", "verification", "cache", in_file=True)


def _add_sweep(commands: Any) -> None:
    sweep = _command(
        commands,
        "sweep",
        "[PATH ...]",
        "suggest proven tests for the untested code of a whole project",
        _SWEEP_DESCRIPTION,
    )
    group = sweep.add_argument_group("what to examine")
    group.add_argument(
        "all", metavar="PATH", nargs="*", help="files and folders to sweep (default: the whole project)"
    )
    _add_place(group)
    group.add_argument(
        "--dry-run",
        action="store_true",
        help="rank the code and show what a sweep would select, without generating tests",
    )
    _add_run(sweep)
    machines = sweep.add_argument_group("sweep on several machines")
    step = machines.add_mutually_exclusive_group()
    step.add_argument(
        "--plan",
        metavar="N",
        type=int,
        help="measure and rank the functions, and split them into at most N shards",
    )
    step.add_argument(
        "--shard",
        metavar="K/N",
        help="generate and prove the tests of one shard of the plan, for example 2/4",
    )
    step.add_argument("--collect", action="store_true", help="combine the reports of all shards")
    machines.add_argument(
        "--parts",
        metavar="DIR",
        default="testsmith-parts",
        help="folder for the files that the machines exchange (default: testsmith-parts)",
    )


def _add_review(commands: Any) -> None:
    command = _command(commands, "review", "NUMBER", "review a pull request on GitHub", _REVIEW_DESCRIPTION)
    group = command.add_argument_group("what to review")
    group.add_argument("number", metavar="NUMBER", type=int, help="number of the pull request")
    group.add_argument(
        "--repository",
        metavar="OWNER/NAME",
        help="repository of the pull request (default: the one that the remote origin names)",
    )
    group.add_argument(
        "--repo",
        metavar="DIR",
        default=".",
        help="a checkout of the repository (default: the current folder)",
    )
    _add_how(command)
    output = command.add_argument_group("output")
    output.add_argument("--post", action="store_true", help="post the review (default: only print it)")
    output.add_argument(
        "--verbose", action="store_true", help="print the details of internal errors to stderr"
    )


def _command(commands: Any, name: str, usage: str, summary: str, description: str) -> Any:
    return commands.add_parser(
        name,
        usage=" ".join(f"testsmith {name} {usage} [option ...]".split()),
        help=summary,
        description=description,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def _add_place(group: Any) -> None:
    group.add_argument(
        "--repo", metavar="DIR", default=".", help="folder of the project (default: the current one)"
    )
    group.add_argument("--head", metavar="REV", help="revision to examine (default: the working tree)")


def _add_run(command: Any) -> Any:
    """Add the flags of a run to a command, and return the group of those for its output."""
    _add_how(command)
    output = command.add_argument_group("output")
    output.add_argument(
        "--write", action="store_true", help="write the proven tests into the project's test files"
    )
    output.add_argument("--verbose", action="store_true", help="print details and cache statistics to stderr")
    output.add_argument(
        "--format",
        choices=list(OutputFormat),
        help="format of the report (default: that of the suffix of --output, else text)",
    )
    output.add_argument(
        "-o", "--output", metavar="FILE", help="write the result to this file (default: standard output)"
    )
    return output


def _add_how(command: Any) -> None:
    """Add the flags that say how tests are generated and proven."""
    group = command.add_argument_group("test generation")
    _add_option(group, PROVIDER)
    _add_options(group, "model", in_file=False)
    record = group.add_mutually_exclusive_group()
    record.add_argument("--record", metavar="FILE", help="record the model exchanges in this file")
    record.add_argument(
        "--replay", metavar="FILE", help="answer from a recorded file only, without network access"
    )
    _add_option(group, CACHE_DIR)
    group = command.add_argument_group("proof")
    group.add_argument(
        "--verify",
        action=argparse.BooleanOptionalAction,
        help="run the tests and keep only the proven ones (default: --verify); unproven tests are never "
        "written",
    )
    _add_options(group, "verification", in_file=False)
    group = command.add_argument_group(
        "settings (also read from testsmith.toml and [tool.testsmith] in pyproject.toml)"
    )
    groups = ("selection", "model", "budget", "verification", "cache", "commits", "review")
    _add_options(group, *groups, in_file=True)


def _add_options(group: Any, *groups: str, in_file: bool) -> None:
    for name in groups:
        for option in EVERY_OPTION:
            if option.group == name and option.in_file is in_file and option.has_flag:
                _add_option(group, option)


def _add_option(group: Any, option: Option) -> None:
    summary = f"{option.summary} (default: {option.default_text})".replace("%", "%%")
    group.add_argument(f"--{option.name}", help=summary, **_kind(option))


def _kind(option: Option) -> dict[str, Any]:
    if option.kind is list:
        return {"action": "append", "metavar": "GLOB"}
    if option.kind is bool:
        return {"action": argparse.BooleanOptionalAction if option.in_file else "store_true", "default": None}
    if issubclass(option.kind, StrEnum):
        return {"choices": list(option.kind)}
    if option.metavar:
        return {"metavar": option.metavar}
    return {"type": option.kind, "metavar": {int: "N", float: "X"}.get(option.kind, "NAME")}


def _add_init(commands: Any) -> None:
    init = commands.add_parser(
        "init",
        help="write the workflow and the settings file for a repository",
        description="Look at a repository, and write .github/workflows/testsmith.yml and a commented"
        " testsmith.toml for it.",
        allow_abbrev=False,
    )
    init.add_argument(
        "--repo", metavar="DIR", default=".", help="folder of the project (default: the current one)"
    )
    init.add_argument(
        "--dry-run", action="store_true", help="print the files instead of writing them (default: write them)"
    )
    init.add_argument("--force", action="store_true", help="replace existing files (default: keep them)")


def _add_doctor(commands: Any) -> None:
    doctor = _command(
        commands,
        "doctor",
        "",
        "check everything that a run needs",
        _DOCTOR_DESCRIPTION,
    )
    doctor.add_argument(
        "--repo", metavar="DIR", default=".", help="folder of the project (default: the current one)"
    )
    _add_option(doctor, PROVIDER)
    _add_option(doctor, CACHE_DIR)
    _add_options(doctor, "model", "verification", in_file=False)
    _add_options(doctor, "model", "verification", in_file=True)


def _add_cache(commands: Any) -> None:
    cache = commands.add_parser("cache", help="inspect or clean up the result cache", allow_abbrev=False)
    cache.add_argument("action", choices=["stats", "prune", "clear"])
    _add_option(cache, CACHE_DIR)


def _add_completion(commands: Any) -> None:
    completion = commands.add_parser(
        "completion",
        help="print a script that completes commands and options in your shell",
        description=_COMPLETION_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    completion.add_argument("shell", choices=SHELLS)
