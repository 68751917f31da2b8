"""Pages out of templates: one environment, one style sheet, text always escaped."""

from __future__ import annotations

import unicodedata
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from tokir.results.wording import plural
from tokir.words import shortened

if TYPE_CHECKING:
    from jinja2 import Environment

_VISIBLE = str.maketrans({" ": "␣", "\t": "⇥", "\n": "⏎", "\r": "␍"})
_UNSEEN = ("Cc", "Cf", "Zl", "Zp", "Zs")


def environment(package: str) -> Environment:
    """The templates in the folder ``package`` of tokir: text is escaped, and a name that is not given is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("tokir", package),
        autoescape=True,  # queries, passages and names hold arbitrary text
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"visible": visible, "excerpt": shortened}
    return made


def render(template: str, **values: Any) -> str:
    """The page of a template in this folder, with ``values`` and the style sheet."""
    from markupsafe import Markup

    templates = environment("report")
    templates.filters["thousands"] = lambda number: f"{number:,}"
    # Only what this package wrote itself goes in unescaped: its style sheet and its figures.
    css = Markup(files("tokir").joinpath("report", "page.css").read_text("utf-8"))
    return templates.get_template(template).render(css=css, plural=plural, **values)


def visible(piece: str) -> str:
    r"""A token with its white space made visible; one that shows nothing else, by its numbers.

    >>> visible(" long"), visible("\u200b")
    ('␣long', 'U+200B')
    """
    shown = piece.translate(_VISIBLE)
    unseen = all(unicodedata.category(character) in _UNSEEN for character in shown)
    return " ".join(f"U+{ord(character):04X}" for character in shown) if unseen else shown
