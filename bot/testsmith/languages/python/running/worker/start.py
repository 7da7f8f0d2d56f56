"""Start a worker: `python start.py NAME` runs `main` of the module `NAME` in this folder.

The workers are loaded under a package name of their own, and their folder is removed from the import path
before anything of the project is imported, so the tests can import neither the bot nor these modules by plain
names.
"""

from __future__ import annotations

import importlib.util
import os
import sys

PACKAGE = "_testsmith_worker"


def start(name: str) -> None:
    """Run `main` of a worker module."""
    folder = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - importing pathlib takes time
    sys.path[:] = [entry for entry in sys.path if entry not in {"", folder}]
    file = os.path.join(folder, "__init__.py")  # noqa: PTH118 - as above
    spec = importlib.util.spec_from_file_location(PACKAGE, file, submodule_search_locations=[folder])
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} cannot be loaded.")
    package = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = package
    spec.loader.exec_module(package)
    trust_effective_rights()
    importlib.import_module(f"{PACKAGE}.{name}").main()


def trust_effective_rights() -> None:
    """Let `os.access` say whether a file can be opened.

    If the project's interpreter is in a private folder, the sandbox's user passes through such folders by a
    capability, which `access` ignores: of a file that a test can open, it says that it cannot be read.
    """
    real = os.access
    if real not in os.supports_effective_ids:
        return

    def access(
        path: int | str | bytes | os.PathLike[str] | os.PathLike[bytes],
        mode: int,
        *,
        dir_fd: int | None = None,
        effective_ids: bool = True,  # noqa: ARG001 - the real user is the same in a sandbox
        follow_symlinks: bool = True,
    ) -> bool:
        return real(path, mode, dir_fd=dir_fd, effective_ids=True, follow_symlinks=follow_symlinks)

    for known in (os.supports_effective_ids, os.supports_dir_fd, os.supports_follow_symlinks):
        if real in known:
            known.add(access)
    os.access = access


if __name__ == "__main__":
    start(sys.argv[1])
    os._exit(0)  # do not wait for threads started by the project
