"""Check that texts are plain American English: no word of the list below, and no British spelling.

It reads Markdown, YAML, TOML and templates, and the strings, comments and docstrings of Python files.
Names in Python are checked for spelling only. Text in backticks and code, and `ALLOWED` values, are left out.
The exit code is 1 if a word is found.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tokenize
from collections.abc import Iterable, Iterator
from io import StringIO
from pathlib import Path

ROOT = Path(__file__).parents[1]
SUFFIXES = {".py", ".md", ".j2", ".yml", ".toml", ".json"}
FILES = {"Dockerfile", "Makefile"}

WORDS = {
    r"mend(?:s|ed|ing)?": "fix",
    r"stands?(?! (?:for|alone|in for)\b)(?!-)": "is, or appears",
    r"beside": "next to, or besides",
    r"in place of": "instead of",
    r"anew": "again",
    r"reckon\w*": "estimate, or count",
    r"owe[ds]?": "require",
    r"in vain": "unsuccessfully",
    r"of late": "recently",
    r"somebody": "someone",
    r"(?:tells?|told)(?!(?: \w+)? apart)": "say, describe or report",
    r"heed\w*": "follow, or process",
    r"likewise": "also, or the same",
    r"hence": "so",
    r"whom": "who",
    r"(?:there|where)(?:of|by|upon|from)": "of it, or of which",
    r"(?!there\b)\w+[\"']? (?:is|are|was|were) no(?! longer| more than)": "is not a",
    r"lies? (?:in|on|at|below|outside|behind|under)": "is",
    r"to be had": "available",
    r"be they": "whether they are",
    r"till": "until",
}
"""Words that read as a translation, with the everyday ones."""

BRITISH = (
    r"\w*(?:behaviour|colour|honour|favour(?!ic)|neighbour|labour|judgement|artefact|catalogue|whilst|amongst)\w*"
    r"|\w*(?:recogni|normali|initiali|organi|summari|seriali|optimi|minimi|maximi|saniti|randomi|prioriti|customi"
    r"|finali|parametri|canonicali|capitali|categori|generali|speciali|synchroni|tokeni|visuali|utili|memori"
    r"|materiali|locali|itemi|equali|emphasi)s(?:e|ed|es|er|ing|ation)"
    r"|analys(?:e|ed|er|ing)|centred?|licence|defence|grey|modelling|labelled|fulfil|programme"
)
ALLOWED = {
    "new-behaviour",
    "unchanged-behaviour",
    "unchanged_behaviour",
    '"mend"',
    '"colour"',
    "color colour",
}
"""Values of the JSON contract, names made of them, and names that projects give their parameters."""

LEFT_OUT = (
    "bot/testsmith/generation/llm/templates/",  # prompts, whose digests are measured and pinned
    "examples/shop/",  # the example project, whose review is pinned
    "tests/",
    "docs/english.py",
    "docs/pictures/",  # what the bot printed
)
"""Beginnings of the paths that are not checked."""

_CODE = re.compile(r"^ *(?P<fence>```+|~~~+).*?^ *(?P=fence)|`[^`\n]+`", re.DOTALL | re.MULTILINE)
_EXPRESSION = re.compile(r"\{[^{}\n]*\}")


def main() -> int:
    """Print every word to replace, and return the exit code."""
    listed = subprocess.run(("git", "ls-files", "-z"), cwd=ROOT, capture_output=True, check=True).stdout
    paths = [path for path in listed.decode().split("\0") if Path(path).suffix in SUFFIXES or path in FILES]
    found = [line for path in paths if not path.startswith(LEFT_OUT) for line in problems(path)]
    sys.stdout.writelines(f"{line}\n" for line in found)
    return bool(found)


def problems(path: str) -> Iterator[str]:
    """Yield one line per word of a file that is to be replaced."""
    text = (ROOT / path).read_text(encoding="utf-8")
    is_python = path.endswith(".py")
    prose = _blanked(_EXPRESSION, _python_prose(text)) if is_python else text
    prose = _blanked(_CODE, prose)
    for pattern, better in WORDS.items():
        yield from _hits(path, prose, rf"\b{pattern.replace(' ', SPACE)}\b", better)
    yield from _hits(
        path, text if is_python else prose, rf"(?:\b|(?<=_))(?:{BRITISH})(?:\b|(?=_))", "American spelling"
    )


SPACE = r"(?:[\"']\s*\n\s*f?[\"']|\n\s*#|\s)+"
"""What may separate two words: also a line break in a comment or between two strings that are joined."""


def _hits(path: str, text: str, pattern: str, better: str) -> Iterator[str]:
    for hit in re.finditer(pattern, text, re.IGNORECASE):
        words = " ".join(hit[0].split())
        if not any(_is_within(hit, allowed) for allowed in ALLOWED):
            yield f"{path}:{text.count(chr(10), 0, hit.start()) + 1}: `{words}`: {better}"


def _is_within(hit: re.Match[str], allowed: str) -> bool:
    around = hit.string[max(hit.start() - len(allowed), 0) : hit.end() + len(allowed)]
    return allowed.casefold() in around.casefold() and hit[0].casefold() in allowed


def _blanked(pattern: re.Pattern[str], text: str) -> str:
    return pattern.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)


def _python_prose(text: str) -> str:
    """Return a module with everything but its strings and comments blanked."""
    lines = [re.sub(r"[^\n]", " ", line) for line in text.splitlines(keepends=True)]
    originals = text.splitlines(keepends=True)
    for token in _texts(text):
        (row, column), (last_row, last_column) = token.start, token.end
        for number in range(row, last_row + 1):
            begin = column if number == row else 0
            end = last_column if number == last_row else len(originals[number - 1])
            line = lines[number - 1]
            lines[number - 1] = line[:begin] + originals[number - 1][begin:end] + line[end:]
    return "".join(lines)


def _texts(text: str) -> Iterable[tokenize.TokenInfo]:
    kinds = {tokenize.STRING, tokenize.COMMENT, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}
    return (token for token in tokenize.generate_tokens(StringIO(text).readline) if token.type in kinds)


if __name__ == "__main__":
    sys.exit(main())
