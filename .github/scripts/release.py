"""The steps of a release that need more than a shell command: `.github/workflows/release.yml` runs them.

python .github/scripts/release.py check release-1.2.3    the tag, the version and the changelog agree
python .github/scripts/release.py pin IMAGE@sha256:...   the action files name the published image
python .github/scripts/release.py notes COMMIT           the notes of the version, for the release page
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
ACTIONS = ("action.yml", "sweep/action.yml")


def constant(name: str) -> str:
    """Return a text constant of the package, which need not be installed."""
    text = (ROOT / "bot/testsmith/__init__.py").read_text(encoding="utf-8")
    found = re.search(rf'^{name} = "(.+)"$', text, re.MULTILINE)
    if found is None:
        sys.exit(f"bot/testsmith/__init__.py has no constant {name}.")
    return found[1]


def changes(version: str) -> str:
    """Return the section of a version in the changelog, without its heading."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    flags = re.MULTILINE | re.DOTALL
    found = re.search(rf"^## {re.escape(version)} - \d{{4}}-\d\d-\d\d\n(.*?)(?=^## |\Z)", text, flags)
    if found is None or not found[1].strip():
        sys.exit(f"CHANGELOG.md has no changes under a heading like `## {version} - 2026-12-31`.")
    return found[1].strip()


def check(tag: str) -> str:
    """Return the version and the major tag as outputs of a step, if the tag is the one to release."""
    version = constant("__version__")
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        sys.exit(f"{version} is not a version of the form 1.2.3.")
    if tag != f"release-{version}":
        sys.exit(f"The tag is {tag}, but bot/testsmith/__init__.py has the version {version}.")
    changes(version)
    return f"version={version}\nmajor=v{version.partition('.')[0]}"


def pin(image: str) -> None:
    """Write the published image into the action files, instead of the Dockerfile."""
    if not re.fullmatch(r"[\w./-]+@sha256:[0-9a-f]{64}", image):
        sys.exit(f"{image} is not an image with a digest.")
    for path in ACTIONS:
        file = ROOT / path
        text = file.read_text(encoding="utf-8")
        text, count = re.subn(r"(?m)^  image: (?:\.\./)?Dockerfile\b.*$", f"  image: docker://{image}", text)
        if count != 1:
            sys.exit(f"{path} has no line `image: Dockerfile`.")
        file.write_text(text, encoding="utf-8")


def notes(commit: str) -> str:
    """Return the notes of the current version; they name the commit of the release, to pin the action by."""
    version = constant("__version__")
    action = constant("ADDRESS").removeprefix("https://github.com/")
    pinned = f"```yaml\n- uses: {action}@{commit} # v{version}\n```"
    return f"{changes(version)}\n\n### Pin this release\n\n{pinned}"


def main() -> None:
    """Run one step."""
    steps = {"check": check, "pin": pin, "notes": notes}
    match sys.argv[1:]:
        case [name, argument] if name in steps:
            result = steps[name](argument)
            if result:
                print(result)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
