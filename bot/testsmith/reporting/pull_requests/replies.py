"""Render the bot's replies to comment commands. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from testsmith.forge.comment_markers import answer_mark, composed
from testsmith.forge.slash_commands import (
    COMMANDS,
    MOST_COMMANDS,
    PREFIX,
    InvalidCommand,
    SlashCommand,
)
from testsmith.model import Member, Suggestion
from testsmith.reporting.escaping import (
    Prose,
    code,
    code_block,
    inline,
    joined,
    paragraph,
    parse,
    plain,
    tagged,
)
from testsmith.reporting.phrases import (
    body_words,
    check_command,
    evidence_words,
    facts_line,
    origin_words,
    title_words,
)
from testsmith.reporting.rendering import View

_NUMBERS = (
    "Use the numbers in the summary: `1 3`, `1,3` or `2-4`. In a suggestion's thread, the word `apply`, "
    "`reject`, `retry` or `explain` is enough."
)

_PATCH_LIMIT = 50_000
_TOO_LONG = "… the rest is too long for a comment. Ask for fewer suggestions at once."


def reply(comment: int, parts: Iterable[str]) -> str:
    """Return the body of the single reply to a comment, within the forge's size limit."""
    said = "\n\n".join(part for part in parts if part)
    return composed(said, answer_mark(comment), cut_note=_TOO_LONG)


def help_words() -> str:
    """Return the help text."""
    rows = (
        f"| `{' '.join(filter(None, (PREFIX, verb, spec.usage)))}` | {spec.help} |"
        for verb, spec in COMMANDS.items()
    )
    return "\n".join(
        (
            "| comment | effect |",
            "|---|---|",
            *rows,
            "",
            _NUMBERS,
        )
    )


def about(line: SlashCommand | InvalidCommand, words: str) -> str:
    """Return a text about one line of a comment, quoted above it."""
    return f"{inline(code(str(line)))}\n\n{words}" if words else ""


def misread_words(line: InvalidCommand) -> str:
    """Return why a line is not a valid command."""
    return paragraph((*plain("Invalid command: "), *parse(line.problem), *plain(".")))


def too_many_words(number: int) -> str:
    """Return why no command of a comment is run."""
    return (
        f"Nothing was done: this comment has {number:,} commands, and a comment may have at most "
        f"{MOST_COMMANDS}."
    )


def sentences(data: Iterable[str]) -> str:
    """Return untrusted sentences as a list; a single one without a bullet."""
    lines = [paragraph(parse(one)) for one in data]
    return lines[0] if len(lines) == 1 else "\n".join(f"- {line}" for line in lines)


def patch_words(patch: str) -> str:
    """Return a patch as a fold. A patch that is too long is only in the job summary."""
    if not patch or len(patch) > _PATCH_LIMIT:
        return ""
    return (
        "<details><summary>The tests as a patch, for <code>git apply</code></summary>\n\n"
        f"{code_block(patch.rstrip(), 'diff')}\n\n</details>"
    )


def explanation(suggestion: Suggestion, member: Member, view: View) -> str:
    """Return the full evidence for a suggestion, with its results on this head."""
    title = facts_line((code(member.name), *title_words(suggestion, member)))
    body = body_words(suggestion)
    parts = (
        f"**{inline((*plain(f'{suggestion.number} · '), *title[:1]))}**{inline(title[1:])}",
        paragraph(body),
        "\n".join(f"- {inline(fact)}" for fact in _facts(suggestion, member)),
        *_failures(suggestion),
        f"<sub>{inline((*plain('reproduce: '), *code(check_command(suggestion, view))))}</sub>",
    )
    return "\n\n".join(part for part in parts if part)


def _facts(suggestion: Suggestion, member: Member) -> Iterator[Prose]:
    tests: Sequence[str] = suggestion.tests
    yield (*plain("tests: "), *joined(", ", (code(name) for name in tests)))
    evidence = suggestion.evidence
    bare = None if evidence is None else replace(evidence, killed=())
    yield from evidence_words(replace(suggestion, evidence=bare), member)
    if evidence is not None:
        yield from _mutants("mutants killed: ", evidence.killed)
        yield from _mutants("mutants that survive: ", evidence.alive)
    yield plain(f"{origin_words(suggestion)}; taken from its comment and run again for this reply")


def _mutants(lead: str, named: Sequence[str]) -> Iterator[Prose]:
    if named:
        yield (*plain(lead), *joined("; ", (parse(words) for words in named)))


def _failures(suggestion: Suggestion) -> Iterator[str]:
    """Yield the failure output of each test, as a fold."""
    evidence = suggestion.evidence
    if evidence is None:
        return
    where = "before this change" if evidence.passes else "with this change"
    for name, said in evidence.failures:
        yield (
            f"<details><summary>Output of {tagged(code(name))} {where}</summary>\n\n"
            f"{code_block(said, 'text')}\n\n</details>"
        )
