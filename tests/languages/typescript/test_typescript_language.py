from __future__ import annotations

import pytest

from testsmith.changes.selection import Subjects
from testsmith.languages.registry import languages
from testsmith.settings import SelectionSettings

SUBJECTS = Subjects(SelectionSettings(), languages())


@pytest.mark.parametrize(
    "path", ["src/a.ts", "lib/a.cjs", "packages/a/src/b.tsx", "src/build/a.ts", "index.mjs"]
)
def test_excluded__what_people_write(path: str) -> None:
    assert SUBJECTS.counts(path)


@pytest.mark.parametrize(
    "path",
    [
        "node_modules/a/index.js",
        "packages/a/node_modules/b/index.js",
        "dist/a.js",
        "packages/a/dist/cjs/a.cjs",
        "packages/a/build/a.mjs",
        "web/jquery.min.js",
        "web/app.bundle.js",
        "src/schema.generated.ts",
        "src/__generated__/a.ts",
        "vitest.config.ts",
        "packages/a/eslint.config.mjs",
        "types/a.d.ts",
        "src/a.test.ts",
    ],
)
def test_excluded__what_tools_write_and_settings(path: str) -> None:
    assert not SUBJECTS.counts(path)
