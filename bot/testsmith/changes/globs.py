"""Path globs as people write them for include and exclude lists.

`*` and `?` stay within one folder or file name, `**` stands for any number of folders, `[...]` for one of
some characters. A glob is matched against the whole path; a slash at its end means all that is below.
(`PurePath.full_match` says the same, but only from Python 3.13 on.)
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from testsmith.model import UsageFailure

_PIECE = re.compile(r"\*\*/|/\*\*$|\*\*|\*|\?|\[[!^]?\]?[^\]/]*\]|.", re.DOTALL)

_MEANINGS = {"**/": "(?:.*/)?", "/**": "/.*", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def compile_globs(globs: Sequence[str]) -> re.Pattern[str]:
    """Return the pattern whose `fullmatch` tells whether a path matches one of the globs.

    Raises:
        UsageFailure: A glob's `[...]` makes no sense.
    """
    try:
        return re.compile("|".join(f"(?:{_translated(glob)})" for glob in globs) or r"(?!)", re.DOTALL)
    except re.error as error:
        raise UsageFailure(f"the globs {', '.join(globs)} cannot be read: {error.msg}") from error


def _translated(glob: str) -> str:
    whole = f"{glob}**" if glob.endswith("/") else glob
    return "".join(map(_meaning, _PIECE.findall(whole.removeprefix("./"))))


def _meaning(piece: str) -> str:
    if piece.startswith("[") and len(piece) > 1:
        inner = piece[1:-1].replace("\\", "\\\\").replace("[", "\\[")
        return f"(?!/)[^{inner[1:]}]" if inner[0] in "!^" else f"(?!/)[{inner}]"
    return _MEANINGS.get(piece) or re.escape(piece)
