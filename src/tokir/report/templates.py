"""Pages out of templates: one environment, one style sheet, text always escaped."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from tokir.results.wording import plural
from tokir.words import shortened

_VISIBLE = str.maketrans({" ": "␣", "\t": "⇥", "\n": "⏎", "\r": "␍"})


def render(template: str, **values: Any) -> str:
    """The page of a template in this folder, with ``values`` and the style sheet."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("tokir", "report"),
        autoescape=True,  # queries, passages and names hold arbitrary text
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"visible": visible, "excerpt": shortened, "thousands": lambda number: f"{number:,}"}
    # Only what this package wrote itself goes in unescaped: its style sheet and its figures.
    css = Markup(files("tokir").joinpath("report", "page.css").read_text("utf-8"))
    return environment.get_template(template).render(css=css, plural=plural, **values)


def visible(piece: str) -> str:
    """A token with its white space made visible.

    >>> visible(" long")
    '␣long'
    """
    return piece.translate(_VISIBLE)
