"""The languages that the bot knows."""

from __future__ import annotations

from collections.abc import Mapping

from testsmith.languages.language import Language
from testsmith.languages.toolchain import Toolchain


def languages() -> tuple[Language, ...]:
    """Return the languages, in lookup order."""
    from testsmith.languages.go.language import GO
    from testsmith.languages.python.language import PYTHON
    from testsmith.languages.typescript.language import TYPESCRIPT

    return (PYTHON, GO, TYPESCRIPT)


def toolchains() -> Mapping[str, Toolchain]:
    """Return what runs the tests of a language, by its name."""
    from testsmith.languages.go.toolchain import GO_TOOLCHAIN
    from testsmith.languages.python.toolchain import PYTHON_TOOLCHAIN
    from testsmith.languages.typescript.toolchain import TYPESCRIPT_TOOLCHAIN

    return {"python": PYTHON_TOOLCHAIN, "go": GO_TOOLCHAIN, "typescript": TYPESCRIPT_TOOLCHAIN}
