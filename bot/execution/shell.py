"""The shell that runs what a maintainer has typed: always inside the sandbox, never text of a repository."""

from __future__ import annotations

from pathlib import Path

_BASH = ("/bin/bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c")
_SH = ("/bin/sh", "-e", "-c")


def shell_command() -> tuple[str, ...]:
    """Return the command that a text is put behind: bash where there is one, as for a workflow's steps."""
    return _BASH if Path(_BASH[0]).exists() else _SH
