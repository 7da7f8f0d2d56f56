"""Collect what the authors of a change say about it: pull request, commit messages, documentation. Pure.

All of it is untrusted text, which a prompt shows as data.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from testsmith.languages.conventions import are_conventions

MOST_CHARACTERS = 4_000
"""Maximum length of the intent."""

_MOST_OF_ONE = 2_000
_MOST_OF_DOCUMENTS = 1_500
_DOCUMENTS = (".md", ".rst")
_MOST_ISSUES = 2
_CUT = " [cut]"

_HTML_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_NOISE = re.compile(
    r"^[ \t]*(?:[-*] \[[ xX]\] .*|!\[[^\]]*\]\([^)]*\)"
    r"|(?:signed-off-by|co-authored-by|reviewed-by|change-id|testsmith-[\w-]+): .*)$",
    re.IGNORECASE | re.MULTILINE,
)
"""Check lists of pull request templates, images, and trailers of commit messages."""
_CLOSES = re.compile(
    r"\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):? +"
    r"(?:https?://[\w.:-]+/)?(?P<repository>[\w.-]+/[\w.-]+)?(?:#|/issues/)(?P<number>[1-9]\d{0,8})\b",
    re.IGNORECASE,
)
"""The keywords by which GitHub links an issue that a pull request closes."""
_KEEPS_BEHAVIOR = re.compile(
    r"(?:(?:perf|refactor|style)(?:\([^)]*\))?!?:"
    r"|.*\b(?:backtracking|quadratic|super-?linear|redos)\b"
    r"|(?!(?:feat|fix(?:e[sd])?|add(?:s|ed)?)\b).*\b(?:(?:improves?|better) (?:\w+ )?performance|speeds? ?up"
    r"|faster|optimi[sz](?:e[sd]?|ing|ations?)|refactor\w*|reformat\w*)\b)",
    re.IGNORECASE,
)
"""A first line that announces a change of speed, structure or form."""
_BLANK_LINES = re.compile(r"\n\s*\n")


def described(title: str, body: str) -> str:
    """Return the text of a pull request or issue without what a template or a tool put there."""
    text = _HTML_COMMENT.sub("", f"{title.strip()}\n\n{body.replace(chr(13), '')}")
    text = _BLANK_LINES.sub("\n\n", _NOISE.sub("", text)).strip()
    return text if len(text) <= _MOST_OF_ONE else text[:_MOST_OF_ONE].rstrip() + _CUT


def linked_issues(text: str, repository: str) -> tuple[int, ...]:
    """Return the numbers of the first issues of the same repository that a pull request says it closes.

    Args:
        text: Title and description of the pull request.
        repository: Its full name.
    """
    own = ("", repository.casefold())
    found = (
        int(each["number"])
        for each in _CLOSES.finditer(_HTML_COMMENT.sub("", text))
        if (each["repository"] or "").casefold() in own
    )
    return tuple(dict.fromkeys(found))[:_MOST_ISSUES]


def is_document(path: str) -> bool:
    """Return whether people read a file, such as a changelog. Conventions are read from base alone."""
    return path.endswith(_DOCUMENTS) and not are_conventions(path)


def intent_of(texts: Sequence[str], messages: Sequence[str], documents: Iterable[str] = ()) -> str:
    """Return what is known about the intent of a change, within the limit; empty if nothing is.

    Args:
        texts: Texts of the pull request and of linked issues, as `described` returns them.
        messages: Messages of its commits, oldest first. Those that only repeat a text are left out.
        documents: Text that the change adds to each document. The shortest count, such as a changelog entry.
    """
    found: list[str] = []
    room = MOST_CHARACTERS
    for text in (*filter(None, texts), *_new(messages, texts), *_documentation(documents)):
        if len(text) <= room:
            found.append(text)
            room -= len(text)
    return "\n\n".join(found)


def keeps_behavior(intent: str) -> bool:
    """Return whether the first line of an intent says that the change is about speed, structure or form."""
    title = intent.partition("\n")[0].removeprefix("Commit: ")
    return _KEEPS_BEHAVIOR.match(title) is not None


def _new(messages: Sequence[str], texts: Sequence[str]) -> Iterator[str]:
    known = "\n".join(texts)
    for message in dict.fromkeys(messages):
        subject, _, body = message.partition("\n")
        text = described(subject, body)
        if not all(part in known for part in text.split("\n\n")):
            yield f"Commit: {text}"


def _documentation(documents: Iterable[str]) -> Iterator[str]:
    added, room = list[str](), _MOST_OF_DOCUMENTS
    for text in sorted(filter(None, (each.strip() for each in documents)), key=len):
        room -= len(text)
        added += [text] if room >= 0 else []
    if added:
        yield "\n\n".join(("Documentation:", *added))
