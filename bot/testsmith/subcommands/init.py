"""`testsmith init`: write the workflow and the settings file for a repository, according to its files."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from testsmith import ADDRESS, PROGRAM
from testsmith.git.repository import Repository
from testsmith.git.trees import RepositoryTree
from testsmith.languages.registry import toolchains
from testsmith.languages.toolchain import ProjectFacts
from testsmith.model import Failure, UsageFailure
from testsmith.options import Option
from testsmith.settings import OPTIONS, file_values
from testsmith.test_files.plan import FileEdit
from testsmith.test_files.write import write_edits

WORKFLOW = ".github/workflows/testsmith.yml"
SETTINGS = "testsmith.toml"
KEY, USUAL_KEY = "TESTSMITH_API_KEY", "OPENAI_API_KEY"

_SHOWN = ("max-members", "exclude", "mode", "max-comments", "max-minutes", "max-cost", "model")
"""Settings in the commented file, in order; docs/settings.md has all of them."""

_USES_ACTION = re.compile(r"uses:\s*[\w.-]+/testsmith-bot[@/]")
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryFacts:
    """What was found in a repository.

    Attributes:
        remote: Address of the remote `origin`, without credentials; empty if there is none.
        default_branch: For example `origin/main`; empty if unknown.
        workflows: The workflow files.
        reviewing: Workflow files that already use the action.
        secret: Name of the secret that holds the key.
        has_secret: Whether a workflow already uses that secret.
        project: What the project's files say.
    """

    remote: str
    default_branch: str
    workflows: tuple[str, ...]
    reviewing: tuple[str, ...]
    secret: str
    has_secret: bool
    project: ProjectFacts


def set_up(arguments: Mapping[str, Any]) -> Iterator[str]:
    """Write the files, or with `--dry-run` only show them, and yield what to print.

    Raises:
        Failure: A file cannot be written.
    """
    repository = Repository.open(Path(arguments["repo"]).resolve())
    tree = repository.working_tree()
    facts = repository_facts(repository, tree)
    contents = {WORKFLOW: workflow(facts)}
    if not _has_own_settings(tree):
        contents[SETTINGS] = settings_file()
    yield from _found(facts)
    yield ""
    is_dry, is_forced = arguments["dry_run"], arguments["force"]
    written = []
    for path, content in contents.items():
        existing = _existing(repository.root / path)
        if existing == content.encode():
            yield f"{path} is up to date."
        elif existing is not None and not is_forced:
            yield f"{path} exists and is kept; --force replaces it."
        elif is_dry:
            yield f"Would write {path}:\n\n{_indented(content)}"
        else:
            _write(repository.root, FileEdit(path=path, old=existing, new=content.encode()))
            written.append(path)
            yield f"Wrote {path}"
    if is_dry:
        yield "Nothing was written. Run again without --dry-run to write."
    else:
        yield from _next_steps(facts, written)


def repository_facts(repository: Repository, tree: RepositoryTree) -> RepositoryFacts:
    """Return what the files and the remote of a repository say."""
    workflows = {
        path: (tree.read(path) or b"").decode("utf-8", "replace")
        for path in tree.paths()
        if re.fullmatch(r"\.github/workflows/[^/]+\.ya?ml", path) and path != WORKFLOW
    }
    text = "\n".join(workflows.values())
    secret = next((name for name in (KEY, USUAL_KEY) if f"secrets.{name}" in text), "")
    projects = [one.facts(tree) for one in toolchains().values()]
    return RepositoryFacts(
        remote=re.sub(r"^(\w+://)[^/@]*@", r"\1", repository.remote_address()),
        default_branch=_default_branch(repository),
        workflows=tuple(path.rpartition("/")[2] for path in workflows),
        reviewing=tuple(path for path, one in workflows.items() if _USES_ACTION.search(one)),
        secret=secret or KEY,
        has_secret=bool(secret),
        project=next((one for one in projects if one != ProjectFacts()), ProjectFacts()),
    )


def _default_branch(repository: Repository) -> str:
    try:
        return repository.default_branch()
    except UsageFailure:
        return ""


def workflow(facts: RepositoryFacts) -> str:
    """Return the workflow for a repository."""
    text = files("testsmith.subcommands").joinpath("workflow.yml").read_text(encoding="utf-8")
    return text.replace(KEY, facts.secret)


def settings_file() -> str:
    """Return a settings file in which every line is a comment."""
    by_name = {one.name: one for one in OPTIONS}
    page = f"{ADDRESS}/blob/main/docs/settings.md"
    schema = f"{ADDRESS.replace('github.com', 'raw.githubusercontent.com')}/main/docs/testsmith.schema.json"
    head = (
        f"#:schema {schema}\n"
        "# Settings of TestSmith Bot. The lines below show the defaults; remove `# ` to change one.\n"
        f"# All settings: {page}\n"
    )
    return head + "".join(f"\n{_commented(by_name[name])}" for name in _SHOWN)


def _commented(option: Option) -> str:
    default = option.default
    if isinstance(default, tuple):
        lines = [f"{option.name} = [", *(f"  {json.dumps(item)}," for item in default), "]"]
    else:
        lines = [f"{option.name} = {json.dumps(default)}"]
    summary = option.summary[0].upper() + option.summary[1:]
    return "".join(f"# {line}\n" for line in (summary, *lines))


def _has_own_settings(tree: RepositoryTree) -> bool:
    """Return whether pyproject.toml has settings, which testsmith.toml would hide."""
    text = (tree.read("pyproject.toml") or b"").decode("utf-8", "replace")
    try:
        return file_values("pyproject.toml", text) is not None
    except UsageFailure:
        return "[tool.testsmith" in text


def _found(facts: RepositoryFacts) -> Iterator[str]:
    project = facts.project
    yield "Found:"
    for name, value in (
        ("remote", facts.remote or "none yet; the workflow runs on GitHub"),
        ("default branch", facts.default_branch or "none yet"),
        ("package manager", project.package_manager or "none; the project is not installed"),
        ("language", project.version),
        ("tests", project.tests or "none yet"),
        ("projects", _named(project.projects)),
        ("workflows", _named(facts.workflows) or "none"),
    ):
        if value:
            yield f"  {name:<16} {value}"
    if facts.remote and not re.search(r"[/@]github\.", facts.remote):
        yield "\nThe remote is not on GitHub, where the workflow runs; `testsmith suggest` works without it."
    if project.projects and not project.is_project:
        yield "\nThe projects are in folders. The ones that a pull request changes are installed and tested."
    if facts.reviewing:
        yield f"\n{_named(facts.reviewing)} already runs TestSmith Bot; a second workflow would review twice."


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def _existing(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Failure(f"{file} cannot be read ({error.strerror}); remove it.") from error


def _write(root: Path, edit: FileEdit) -> None:
    for refused in write_edits(root, [edit]).refused:
        raise Failure(f"{edit.path} was not written: {refused.reason}.")


def _indented(text: str) -> str:
    return "".join(f"    {line}".rstrip() + "\n" for line in text.splitlines())


def _next_steps(facts: RepositoryFacts, written: Sequence[str]) -> Iterator[str]:
    yield ""
    yield "Next:"
    if not facts.has_secret:
        yield "  To use a model, store its key. Without one, the offline engine writes the tests."
        yield f"    gh secret set {facts.secret}"
    if written:
        yield "  Commit the files, push, and open a pull request."
        yield f"    git add {' '.join(written)}"
        yield "    git commit -m 'Review pull requests with TestSmith Bot'"
    yield "  Check that everything works here, and try it on your current change."
    yield f"    {shlex.join(PROGRAM)} doctor"
    yield f"    {shlex.join(PROGRAM)} suggest"
