"""Draw the packages and their imports as the Mermaid graph in `docs/architecture.md`: `make structure`.

An arrow is left out if a longer way leads to the same package. With `--check` nothing is written, and the
exit code is 1 if the picture is out of date.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "bot" / "testsmith"
PAGE = ROOT / "docs" / "architecture.md"
START, END = "<!-- structure: made by `make structure` -->\n", "<!-- end of structure -->\n"
LEFT_OUT = frozenset(
    {"__init__", "__main__", "model", "options", "settings", "deadline", "faults", "sweep_results"}
)
"""What nearly everything imports, and what starts the program."""


def imported(path: Path) -> Iterator[str]:
    """Yield the top-level packages and modules of `testsmith` that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and not node.level and node.module:
            first, _, rest = node.module.partition(".")
            if first == "testsmith":
                names = [rest.partition(".")[0]] if rest else [alias.name for alias in node.names]
                yield from (name for name in names if not name.startswith("__") and not name.isupper())


def graph() -> dict[str, set[str]]:
    """Return which package or module imports which."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if name not in LEFT_OUT:
            found[name] |= {each for each in imported(path) if each not in LEFT_OUT and each != name}
    return dict(found)


def reachable(name: str, arrows: Mapping[str, set[str]]) -> set[str]:
    """Return all that a package imports, directly or through others."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for other in arrows.get(waiting.pop(), set()) - found:
            found.add(other)
            waiting.append(other)
    return found


def picture() -> str:
    """Return the graph, without arrows that a longer way makes needless."""
    arrows = graph()
    lines = ["```mermaid", "graph TD"]
    for name in sorted(arrows):
        through = {each for other in arrows[name] for each in reachable(other, arrows)}
        lines += [f"  {name} --> {other}" for other in sorted(arrows[name] - through)]
    return "\n".join([*lines, "```"]) + "\n"


def main() -> int:
    """Write the picture into the page, or check it."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    made = f"{before}{START}{picture()}{END}{after}"
    if "--check" in sys.argv:
        if made != text:
            sys.stderr.write(
                "docs/architecture.md does not show the imports as they are. Run `make structure`.\n"
            )
        return int(made != text)
    PAGE.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
