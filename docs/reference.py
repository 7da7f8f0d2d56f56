"""Write what describes commands, options and outputs: the action files, reference pages and JSON Schema.

The repository's address is also written, wherever a page, an example or a setting names it.

`make reference` writes them. With `--check` nothing is written, and the exit code is 1 if a file is stale.
"""

from __future__ import annotations

import json
import re
import sys
from argparse import Action, ArgumentParser
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

from testsmith import ACTION, ADDRESS
from testsmith.action.outputs import OUTPUTS
from testsmith.options import InputOf, Option
from testsmith.settings import ACTION_OPTIONS, OPTIONS
from testsmith.subcommands.parser import command_line_parser

ROOT = Path(__file__).parents[1]
SCHEMA = "docs/testsmith.schema.json"
ADDRESSED = (
    "CONTRIBUTING.md",
    "Dockerfile",
    "README.md",
    "SECURITY.md",
    "pyproject.toml",
    ".github/**/*.md",
    ".github/**/*.yml",
    "bot/testsmith/subcommands/workflow.yml",
    "bot/testsmith/subcommands/*.yml",
    "docs/*.md",
    "examples/workflows/*.yml",
)
"""Files that name the repository."""

TYPES = {int: "integer", float: "number", bool: "boolean", str: "string", list: "array"}


def inputs_of(action: str) -> list[Option]:
    """Return the inputs of an action file, `review` or `sweep`."""
    return [one for one in ACTION_OPTIONS if action in one.input_of.value]


def sentence(option: Option) -> str:
    """Return the summary of an option as a sentence without a full stop."""
    return option.summary[0].upper() + option.summary[1:]


def input_lines(action: str) -> Iterator[str]:
    """Yield the `inputs:` of an action file."""
    yield "inputs:"
    for one in inputs_of(action):
        default = "" if one.input_default or one.default_text == "none" else f" (default: {one.default_text})"
        yield f"  {one.name}:"
        yield f"    description: {json.dumps(f'{sentence(one)}{default}')}"
        if one.input_default:
            is_plain = one.input_default.startswith("$") or one.kind is not bool
            yield f"    default: {one.input_default if is_plain else json.dumps(one.input_default)}"


def output_lines() -> Iterator[str]:
    """Yield the `outputs:` of an action file."""
    yield "outputs:"
    for name, description in OUTPUTS.items():
        yield from (f"  {name}:", f"    description: {json.dumps(description)}")


def variable_lines(action: str) -> Iterator[str]:
    """Yield the `env:` of an action file."""
    yield "  env:"
    for one in inputs_of(action):
        yield f"    {one.variable}: ${{{{ inputs.{one.name} }}}}"


def table(heading: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """Yield a Markdown table."""
    for row in (heading, ("---",) * len(heading), *rows):
        yield (
            f"| {' | '.join(row)} |".replace("| --- ", "|---")
            .replace("|--- |", "|---|")
            .replace("--- |", "---|")
        )


def option_rows(options: Iterable[Option], *, as_inputs: bool = False) -> Iterator[tuple[str, ...]]:
    """Yield the rows of a reference table of options."""
    for one in options:
        is_code = not one.shown_default and one.default is not None and one.default != ""
        default = f"`{one.default_text}`" if is_code else one.default_text
        if as_inputs and one.input_default and not one.shown_default:
            default = f"`{one.input_default}`"
        yield f"`{one.name}`", default, f"{sentence(one)}. {one.details}".strip()


def commands(parser: ArgumentParser) -> Iterator[ArgumentParser]:
    """Yield the parsers of all commands, those of commands of commands after their own."""
    for action in parser._actions:  # noqa: SLF001 - argparse offers no other way to its parts
        for one in action.choices.values() if isinstance(action.choices, dict) else ():
            yield one
            yield from commands(one)


def command_lines() -> Iterator[str]:
    """Yield the section of each command."""
    for parser in commands(command_line_parser()):
        yield from (f"## {parser.prog}", "")
        for part in filter(None, (parser.description or "").split("\n\n")):
            is_listing = part.startswith(" ")
            yield from ("```text", part, "```", "") if is_listing else (part.replace("\n", " "), "")
        usage = " ".join(parser.format_usage().removeprefix("usage: ").split())
        yield from ("```text", usage, "```", "")
        for group in parser._action_groups:  # noqa: SLF001
            shown = [one for one in group._group_actions if one.help and one.dest != "help"]  # noqa: SLF001
            rows = [(f"`{cell(typed(one))}`", cell(one.help or "")) for one in shown]
            if (group.title or "").startswith("settings "):
                yield from (f"All [settings](settings.md) are options, too, for example {rows[0][0]}.", "")
            elif rows:
                named = "argument" if group.title == "positional arguments" else "option"
                title = named if group.title in {"positional arguments", "options"} else str(group.title)
                yield from (*table((title, "meaning"), rows), "")


def typed(action: Action) -> str:
    """Return how an argument is typed."""
    words = [", ".join(action.option_strings)] if action.option_strings else []
    if action.nargs != 0:
        choices = "{%s}" % ",".join(map(str, action.choices)) if action.choices else ""  # noqa: UP031
        words.append(str(action.metavar or choices or action.dest.upper()))
    return " ".join(words)


def cell(text: str) -> str:
    """Return a text as the cell of a table."""
    return text.replace("%%", "%").replace("|", "\\|")


def property_of(option: Option) -> dict[str, Any]:
    """Return the JSON Schema of a setting."""
    kind = "string" if issubclass(option.kind, StrEnum) else TYPES[option.kind]
    found: dict[str, Any] = {"description": sentence(option), "type": kind}
    if issubclass(option.kind, StrEnum):
        found["enum"] = list(option.kind)
    if option.kind is list:
        found["items"] = {"type": "string"}
    if kind in {"integer", "number"}:
        found["minimum"] = option.least
        if option.most is not None:
            found["maximum"] = option.most
    if option.pattern:
        found["pattern"] = f"^(?:{option.pattern})$"
    if option.default not in (None, "", ()):
        found["default"] = option.default
    return found


def schema() -> str:
    """Return the JSON Schema of `testsmith.toml`."""
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "testsmith.toml",
        "type": "object",
        "additionalProperties": False,
        "properties": {one.name: property_of(one) for one in sorted(OPTIONS, key=lambda one: one.name)},
    }
    return json.dumps(whole, indent=2) + "\n"


def blocks() -> dict[str, dict[str, Iterable[str]]]:
    """Return the generated blocks by path and name."""
    head = ("name", "default", "meaning")
    only_sweep = [one for one in ACTION_OPTIONS if one.input_of is InputOf.SWEEP]
    return {
        "action.yml": {
            "inputs": input_lines("review"),
            "outputs": output_lines(),
            "variables": variable_lines("review"),
        },
        "sweep/action.yml": {
            "inputs": input_lines("sweep"),
            "outputs": output_lines(),
            "variables": variable_lines("sweep"),
        },
        "docs/inputs.md": {
            "inputs": table(("input", *head[1:]), option_rows(inputs_of("review"), as_inputs=True)),
            "inputs of a sweep": table(("input", *head[1:]), option_rows(only_sweep, as_inputs=True)),
            "outputs": table(("output", "meaning"), ((f"`{name}`", text) for name, text in OUTPUTS.items())),
        },
        "docs/command-line.md": {"commands": command_lines()},
        "docs/settings.md": {"settings": table(head, option_rows(OPTIONS))},
    }


def filled(text: str, name: str, lines: Iterable[str], path: str) -> str:
    """Return a text with new lines in a block.

    Raises:
        ValueError: The text has no such block.
    """
    start, end = (
        (f"# {name}: ", f"# end of {name}")
        if path.endswith(".yml")
        else (f"<!-- {name}: ", f"<!-- end of {name}")
    )
    pattern = re.compile(rf"(?m)(^ *{re.escape(start)}.*\n)(?:.*\n)*?(^ *{re.escape(end)}\b)")
    if not pattern.search(text):
        raise ValueError(f"{path} has no block {name!r}.")
    body = "".join(f"{line}\n" for line in lines)
    return pattern.sub(lambda found: f"{found[1]}{body}{found[2]}", text, count=1)


def addressed(text: str) -> str:
    """Return a text in which the repository and its action have their current address."""
    name, _, version = ACTION.partition("@")
    for host in ("https://github.com/", "https://raw.githubusercontent.com/"):
        own = ADDRESS.replace("https://github.com/", host)
        text = re.sub(rf"{re.escape(host)}[\w-]+/testsmith-bot\b", own, text)
    return re.sub(r"\buses: [\w-]+/testsmith-bot(/[\w./-]+)?@\S+", rf"uses: {name}\1@{version}", text)


def generated() -> dict[str, str]:
    """Return the texts of all generated files by path."""
    files = (file for pattern in ADDRESSED for file in ROOT.glob(pattern))
    texts = {str(file.relative_to(ROOT)): addressed(file.read_text(encoding="utf-8")) for file in files}
    texts["examples/workflows/testsmith.yml"] = texts["bot/testsmith/subcommands/workflow.yml"]
    texts[SCHEMA] = schema()
    for path, named in blocks().items():
        text = texts.get(path) or (ROOT / path).read_text(encoding="utf-8")
        for name, lines in named.items():
            text = filled(text, name, lines, path)
        texts[path] = text
    return texts


def main() -> int:
    """Write the files, or check them."""
    stale = []
    for path, text in generated().items():
        file = ROOT / path
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            stale.append(path)
            if "--check" not in sys.argv[1:]:
                file.write_text(text, encoding="utf-8")
    if stale and "--check" in sys.argv[1:]:
        sys.stderr.write(f"Out of date: {', '.join(stale)}. Run `make reference`.\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
