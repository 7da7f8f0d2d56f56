"""The templates beside this module.

What the page's template prints is escaped. The Markdown templates get text that is Markdown already, since
only code knows where in a line a text will stand.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment


def fill(template: str, values: Mapping[str, Any]) -> str:
    """Return a template's text with the values in it, without line ends at its end.

    Raises:
        jinja2.UndefinedError: The template uses a value that is not there.
    """
    return _environment().get_template(template).render(values).rstrip("\n")


def source(name: str) -> str:
    """Return the text of a file beside the templates, as it is."""
    return files("testsmith.report").joinpath("templates", name).read_text(encoding="utf-8")


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

    return Environment(
        loader=PackageLoader("testsmith.report"),
        autoescape=select_autoescape(enabled_extensions=("html.j2",), default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )
