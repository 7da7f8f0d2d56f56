"""Choose the Python that runs the tests, and find the modules it has only because of the bot.

The order is `--python`, `$VIRTUAL_ENV`, the `.venv` of the project or else of the opened folder, and the
Python that runs the bot. It only needs pytest.
"""

from __future__ import annotations

import csv
import email
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import metadata
from inspect import getmodulename
from pathlib import Path

from testsmith.execution.shell import OWN_PYTHON, in_real_folder
from testsmith.git.command import GitFailed
from testsmith.git.repository import Repository
from testsmith.model import UsageFailure

BOT_DISTRIBUTION = "testsmith-bot"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_METADATA = ("METADATA", "PKG-INFO", "")
"""Files with a distribution's metadata; the empty name is for an `.egg-info` that is itself the file."""

_IMPORTS = re.compile(rb"^[ \t]*(?:from[ \t]+(\w+)|import[ \t]+([\w., \t]+))", re.MULTILINE)
_MOST_SOURCE_BYTES = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenInterpreter:
    """An interpreter and why it was chosen.

    Attributes:
        path: The executable, in a folder resolved from links.
        origin: Where the choice came from, for example `$VIRTUAL_ENV`.
        note: Remark on the choice for the report; may be empty.
    """

    path: Path
    origin: str
    note: str = ""


def choose_interpreter(
    named: Path | None,
    environment: Mapping[str, str],
    folder: Path,
    *,
    installs: bool = False,
    is_tracked: bool = False,
) -> ChosenInterpreter:
    """Return the interpreter that runs the tests, or that their environment is created from.

    Args:
        named: Interpreter given by the user.
        environment: Environment variables of the bot.
        folder: Folder of the project's `.venv` in the user's working tree.
        installs: Whether a separate environment is created for the project. If so, the project's `.venv` is
            ignored: it is not needed, and in a pull request it may be a link to anywhere.
        is_tracked: Whether git tracks anything of the project's `.venv`. If so, it is ignored because it may
            come from an untrusted branch.

    Raises:
        UsageFailure: The interpreter given by the user is not an executable file.
    """
    if named is not None:
        return ChosenInterpreter(path=_named_interpreter(named), origin="--python")
    active = Path(environment.get("VIRTUAL_ENV", ""), "bin", "python")
    if environment.get("VIRTUAL_ENV") and active.is_file():
        return ChosenInterpreter(path=in_real_folder(active), origin="$VIRTUAL_ENV")
    own = folder / ".venv" / "bin" / "python"
    has_own = not installs and own.is_file()
    if has_own and not is_tracked:
        return ChosenInterpreter(path=in_real_folder(own), origin="the project's .venv")
    note = "the project's .venv is not used, because git tracks it: choose an interpreter with --python"
    return ChosenInterpreter(
        path=OWN_PYTHON,
        origin="the interpreter that runs TestSmith",
        note=note if has_own else "",
    )


def environment_home(repository: Repository, opened: str) -> Repository:
    """Return the repository with the folder whose `.venv` counts: the project, or else the opened folder."""
    own = repository.root / repository.project / ".venv" / "bin" / "python"
    return repository if own.is_file() else replace(repository, project=opened)


def tracks_environment(repository: Repository) -> bool:
    """Return whether git tracks the project's `.venv` or anything in it."""
    path = "/".join(filter(None, (repository.project, ".venv")))
    try:
        return bool(repository.git.run("ls-files", "-z", "--", path))
    except GitFailed:
        return True  # could not find out


def _named_interpreter(named: Path) -> Path:
    path = named.absolute() / "bin" / "python" if named.is_dir() else named.absolute()
    if not path.is_file():
        raise UsageFailure(f"No such interpreter: {named}. Choose one that has pytest with --python.")
    return in_real_folder(path)


def prefix_of(program: Path) -> Path:
    """Return the prefix of an interpreter: its virtual environment, or else its base installation."""
    environment = program.parent.parent
    return environment if (environment / "pyvenv.cfg").is_file() else program.resolve().parent.parent


def hidden_modules(prefix: Path, roots: Iterable[Path]) -> tuple[str, ...]:
    """Return the top-level modules that an interpreter has only because the bot is installed in it.

    These are the modules of the bot and its requirements, except those that pytest, another installed
    distribution or the project's own source needs: a reviewer has those, too.

    Args:
        prefix: Prefix of the interpreter. Nothing is hidden unless it is the bot's own.
        roots: Source roots of the copy of head.
    """
    if prefix.resolve() != Path(sys.prefix).resolve():
        return ()
    providers, installed = _own_environment()
    alone = installed.with_requirements([BOT_DISTRIBUTION]) - installed.with_requirements(["pytest"])
    imported = _imported_modules(roots)
    needed = {normal(name) for module in imported for name in providers.get(module, ())} - {BOT_DISTRIBUTION}
    others = installed.names - alone
    alone -= installed.with_requirements([*needed, *others])
    hidden = {module for module, names in providers.items() if alone.issuperset(map(normal, names))}
    return tuple(sorted(hidden | {"testsmith"}))


def installed_folders(prefix: Path) -> tuple[Path, ...]:
    """Return the site-packages folders below a prefix: Python's own and the distribution's.

    Links are skipped, because any installed package could have created them.
    """
    found = {*prefix.glob("lib/python3*/site-packages"), *prefix.glob("lib/python3*/dist-packages")}
    return tuple(folder for folder in sorted(found) if folder.is_dir() and folder.resolve() == folder)


class _Installed:
    """Distributions in the bot's own environment and their requirements.

    Args:
        required: Names that each distribution requires; all names are normalized.
    """

    def __init__(self, required: Mapping[str, tuple[str, ...]]) -> None:
        self._required = required

    @property
    def names(self) -> set[str]:
        """Normalized names of all distributions."""
        return set(self._required)

    def with_requirements(self, names: Iterable[str]) -> set[str]:
        """Return the given distributions and everything they require, directly or indirectly."""
        found: set[str] = set()
        left = [name for name in names if name in self._required]
        while left:
            name = left.pop()
            if name not in found:
                found.add(name)
                left += [required for required in self._required[name] if required in self._required]
        return found


@cache
def _own_environment() -> tuple[Mapping[str, list[str]], _Installed]:
    """Return the distributions that provide each module, and their requirements.

    `metadata.packages_distributions` takes four times as long: it reads distributions again and again, and
    looks for each of their files. A distribution's description is not parsed, which is most of its metadata.
    """
    providers: dict[str, list[str]] = defaultdict(list)
    required = {}
    for distribution in metadata.distributions():
        text = next(filter(None, map(distribution.read_text, _METADATA)), "")
        fields = email.message_from_string(text.partition("\n\n")[0])
        required[normal(fields["Name"])] = _requirements(fields.get_all("Requires-Dist") or [])
        for module in _modules_of(distribution):
            providers[module].append(fields["Name"])
    return dict(providers), _Installed(required)


def _modules_of(distribution: metadata.Distribution) -> set[str]:
    """Return the names of a distribution's top-level modules and packages."""
    declared = (distribution.read_text("top_level.txt") or "").split()
    if declared:
        return {*declared}
    record = distribution.read_text("RECORD")
    paths = [*map(str, distribution.files or ())] if record is None else _recorded(record)
    tops = ((path.partition("/")[0], "/" in path) for path in paths)
    names = {top if is_folder else getmodulename(top) or top for top, is_folder in tops}
    return {name for name in names if "." not in name}


def _recorded(record: str) -> list[str]:
    """Return the paths in a `RECORD`; those with a comma or a quote, which are quoted, are parsed as CSV."""
    lines = [line for line in record.splitlines() if line]
    return [next(csv.reader([one]))[0] if one[0] == '"' else one.partition(",")[0] for one in lines]


def _requirements(required: Iterable[str]) -> tuple[str, ...]:
    """Return the names that a distribution requires, without extras."""
    plain = [line for line in required if "extra ==" not in line.replace("'", '"')]
    return tuple(normal(match.group()) for line in plain if (match := _NAME.match(line)))


def normal(name: str) -> str:
    """Return a distribution's name in normalized form (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _imported_modules(roots: Iterable[Path]) -> set[str]:
    """Return the top-level names that the project's source appears to import."""
    paths = {path for root in roots for path in root.rglob("*.py")}
    return {name for path in paths for name in _imports_of(path)}


def _imports_of(path: Path) -> Iterator[str]:
    if path.is_symlink() or not path.is_file() or path.stat().st_size > _MOST_SOURCE_BYTES:
        return
    for match in _IMPORTS.finditer(path.read_bytes()):
        for part in (match.group(1) or match.group(2)).decode("utf-8", "replace").split(","):
            yield part.strip().partition(" ")[0].partition(".")[0]
