"""Trials of members that are given the name of a file: one that is there, one that is to be written, none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from testsmith.generation.offline.calls import Argument
from testsmith.generation.offline.columns import imports_of
from testsmith.generation.offline.expressions import Expression, quoted
from testsmith.generation.offline.trial import FILE, Trial

PATH = "path"
"""The variable that holds the file's path."""

_MISSING = "missing.txt"
_MOST_WRITTEN = 5

_CONTENTS = ("key=value\n", "first line\nsecond line\n", "")
_FORMATS = {
    "json": ('{"name": "alice", "count": 3}\n', "[3, 1, 2]\n", "{\n"),
    "csv": ("name,count\nalice,3\nbob,4\n",),
    "toml": ('[section]\nname = "alice"\ncount = 3\n',),
    "configparser": ("[section]\nname = alice\ncount = 3\n",),
    "yaml": ("name: alice\ncounts:\n  - 3\n  - 4\n",),
    "xml": ("<items><item>apple</item></items>\n",),
}
"""What a file holds, by a word of the text that reads it."""


_IN_FOLDER = (("a.txt", "one\n"), ("b.md", "two\n"))


def file_trials(trial: Trial, rows: Sequence[Sequence[Argument]], text: str) -> Iterator[Trial]:
    """Yield calls on a file in pytest's folder, for a member that is given the name of one.

    Args:
        trial: The call with nothing given yet.
        rows: Its arguments, ordinary ones first.
        text: The member's text.
    """
    base = rows[0] if rows else ()
    if any(map(_is_folder, base)):
        yield _on_folder(trial, base)
        return
    if not any(map(_is_file, base)):
        return
    made = f'{PATH} = tmp_path / "{FILE}"'
    contents = [content for word, texts in _FORMATS.items() if word in text for content in texts]
    for content in (*contents, *_CONTENTS):
        setup = (*trial.setup, made, f"{PATH}.write_text({quoted(content)})")
        yield _given(replace(trial, setup=setup), base, PATH)
    for row in [each for each in rows if any(map(_is_file, each))][:_MOST_WRITTEN]:
        yield _given(replace(trial, setup=(*trial.setup, made)), row, PATH)
    missing = replace(trial, allowed="FileNotFoundError", only_refusals=True, about="refuses_a_missing_file")
    yield _given(missing, base, f'tmp_path / "{_MISSING}"')


_TEMPLATES = {
    f"{opening}{quoted(name)}{closing}": template
    for name in (FILE, "folder")
    for opening, closing, template in (("", "", "str({})"), ("Path(", ")", "{}"))
}
"""The ordinary names of files and folders, and how a path is given in their place."""

_WORDS_FOR_FOLDERS = frozenset({"dir", "directory", "folder", "root"})


def _is_file(argument: Argument) -> bool:
    return argument.value.text in _TEMPLATES


def _is_folder(argument: Argument) -> bool:
    words = argument.name.lower().split("_")
    return _is_file(argument) and not _WORDS_FOR_FOLDERS.isdisjoint(words)


def _on_folder(trial: Trial, base: Sequence[Argument]) -> Trial:
    """Return a call on a folder that holds two files."""
    files = tuple(f'(tmp_path / "{name}").write_text({quoted(text)})' for name, text in _IN_FOLDER)
    given = [_exchanged(each, "tmp_path") if _is_folder(each) else each for each in base]
    return _with(replace(trial, setup=(*trial.setup, *files)), given)


def _given(trial: Trial, base: Sequence[Argument], path: str) -> Trial:
    return _with(trial, [_exchanged(each, path) for each in base])


def _exchanged(argument: Argument, path: str) -> Argument:
    """Return an argument with a path in the place of the name of a file or folder."""
    template = _TEMPLATES.get(argument.value.text)
    return argument if template is None else replace(argument, value=Expression(template.format(path)))


def _with(trial: Trial, arguments: Sequence[Argument]) -> Trial:
    ordered = sorted(arguments, key=lambda argument: argument.by_keyword)
    return replace(trial, arguments=tuple(ordered), imports=trial.imports | imports_of(ordered))
