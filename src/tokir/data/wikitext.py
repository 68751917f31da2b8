"""Wiki markup to plain text: the sections of an article, each as clean paragraphs.

mwparserfromhell only finds the nodes; what each becomes is decided here, so that its next minor version
renders the same text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

BACK_MATTER = {
    "bibliography",
    "citations",
    "endnotes",
    "explanatory notes",
    "external links",
    "footnotes",
    "further reading",
    "general references",
    "literature",
    "notes",
    "notes and references",
    "references",
    "references and notes",
    "see also",
    "sources",
    "works cited",
}
# Tags whose content is not running text. All other tags are replaced by what they hold.
DROPPED_TAGS = {
    "br", "ce", "chem", "code", "del", "gallery", "graph", "hiero", "imagemap", "indicator", "inputbox",
    "mapframe", "math", "pre", "ref", "references", "score", "source", "syntaxhighlight", "table",
    "templatestyles", "timeline",
}  # fmt: skip
# Links that are not words of the sentence: media, categories, and the same article in other languages.
DROPPED_LINK = re.compile(r"\s*(file|image|media|category|[a-z]{2,3}(-[a-z-]+)?|simple)\s*:", re.IGNORECASE)
# Templates that stand for words of the sentence, and which of their arguments holds them.
FIRST_ARGUMENT = 0
SPOKEN_TEMPLATES = {
    "lang": 1,
    "transl": -1,
    **dict.fromkeys(
        (
            "abbr",
            "angbr",
            "big",
            "nihongo",
            "nobr",
            "nowrap",
            "nts",
            "quote",
            "small",
            "smaller",
            "val",
            "vanchor",
        ),
        FIRST_ARGUMENT,
    ),
}
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_HEADING = re.compile(r"^(={2,6})(?!=)[ \t]*(.+?)[ \t]*\1[ \t]*$", re.MULTILINE)
LINE_TAGS = {"li", "dt", "dd", "p", "div", "blockquote", "poem", "center", "hr", "ul", "ol", "dl"}


@dataclass
class Section:
    """A section's own paragraphs, without those of its sub-sections. The lead has no heading."""

    heading: str
    paragraphs: list[str] = field(default_factory=list)


def sections(markup: str) -> list[Section]:
    """The sections of an article that hold text, in order; back matter is left out."""
    found: list[Section] = []
    level, dropped_level = 1, 0  # while dropped_level is set, everything deeper is back matter
    # Split before parsing: an unclosed tag or a stray '' would otherwise swallow the headings after it.
    lead, *rest = _HEADING.split(_COMMENT.sub("", markup))
    for marks, title, body in [("", "", lead), *zip(rest[0::3], rest[1::3], rest[2::3], strict=True)]:
        level, heading = len(marks), " ".join(_paragraphs(_render(title)))
        if level <= dropped_level:
            dropped_level = 0
        if not dropped_level and heading.lower().strip(" :") in BACK_MATTER:
            dropped_level = level
        if not dropped_level and (paragraphs := _paragraphs(_render(body))):
            found.append(Section(heading, paragraphs))
    return found


def _render(markup: str) -> str:
    import mwparserfromhell

    return _plain(mwparserfromhell.parse(markup))


def _plain(code: Any) -> str:
    return "".join(_text(node) for node in code.nodes) if code is not None else ""


def _text(node: Any) -> str:
    """The plain text of one node; a space stands where something inside a line was dropped."""
    kind = type(node).__name__
    if kind == "Text":
        return str(node)
    if kind == "HTMLEntity":
        return str(node.normalize())
    if kind == "Wikilink":
        return _link(node)
    if kind == "ExternalLink":
        return _plain(node.title)
    if kind == "Tag":
        name = str(node.tag).strip().lower()
        if name in DROPPED_TAGS:
            return " "
        inside = _plain(node.contents)
        if name not in LINE_TAGS:
            return inside
        # List marks start a paragraph and hold nothing: the item's text follows as further nodes.
        return f"\n\n{inside}" if node.wiki_markup else f"\n\n{inside}\n\n"
    if kind == "Template":
        return _template(node)
    return " "  # arguments of templates


def _template(node: Any) -> str:
    """The words of templates that are part of a sentence; all others are citations, notices and layout."""
    name = " ".join(str(node.name).split()).lower().replace("_", " ")
    given = [_plain(parameter.value).strip() for parameter in node.params if not parameter.showkey]
    if name in ("convert", "cvt"):
        return _measure(given)
    if name == "as of":
        start = "as of" if node.has("lc") else "As of"
        if len(given) > 1 and given[1].isdecimal() and 1 <= int(given[1]) <= 12:
            given[1] = MONTHS[int(given[1]) - 1]
        return " ".join([start, *reversed(given)])  # the arguments are year, month, day
    if name == "chem":
        return "".join(given)
    spoken = FIRST_ARGUMENT if name.startswith("lang-") else SPOKEN_TEMPLATES.get(name)
    return given[spoken] if spoken is not None and -len(given) <= spoken < len(given) else " "


def _measure(given: list[str]) -> str:
    """A measurement in the unit it was given in, without its conversion: ``5 to 7 km``.

    >>> _measure(["5", "and(-)", "7", "km", "mi"])
    '5 and 7 km'
    """
    words = given[:1]
    rest = given[1:]
    while len(rest) > 2 and not rest[0][:1].isdigit() and rest[1][:1].isdigit():
        connector = rest[0].removesuffix("(-)")
        words += ["–" if connector == "-" else connector, rest[1]]
        rest = rest[2:]
    unit = rest[0] if rest else ""
    unit = f"million {unit[2:]}" if unit.startswith("e6") else unit
    words.append(f"{unit}s" if unit.endswith("acre") else unit)
    return " ".join(words).replace(" – ", "–").strip()


def _link(node: Any) -> str:
    title = _plain(node.title)
    if DROPPED_LINK.match(title):
        return " "
    if node.text is None:
        return title.strip().removeprefix(":")
    return _plain(node.text)


# What is left where the markup itself is broken, or where something was dropped, in the order of mending.
_MENDING = [
    (re.compile(r"\{\{[^{}]*\}\}|\{\{|\}\}|\{\||\|\}"), " "),
    (re.compile(r"\[\[(?:[^\[\]|]*\|)*([^\[\]|]*)\]\]"), r"\1"),
    (re.compile(r"\[\[|\]\]|'{2,}|__[A-Z]+__|\[\d{1,3}\]"), ""),
    (re.compile(r"\|"), " "),
    (re.compile(r"\[?\bhttps?://\S+"), " "),
    (re.compile(r"</?[A-Za-z][^<>]*>"), ""),
    (re.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060\ufeff]"), ""),
    (re.compile(r"\s+"), " "),
    (re.compile(r"([(\[])(?:[\s,;:/–—-]|\bor\b|\band\b)+(?=[^\s,;:])"), r"\1"),
    (re.compile(r"[\s,;:]+([)\]])"), r"\1"),
    (re.compile(r"\(\s*(?:IPA|pronounced|pronunciation|listen)?[\s,;:]*\)|\[\s*\]|\"\s*\""), ""),
    (re.compile(r"\s+([,.;:!?])(?=\s|$|[,.;:\"”)])"), r"\1"),
    (re.compile(r"([,;:])(?:\s*[,;:])+"), r"\1"),
    (re.compile(r"[,;:](\.)(?=\s|$)"), r"\1"),
    (re.compile(r"(?<!\.)\.\.(?!\.)"), "."),
    (re.compile(r"(?:^|(?<=[.!?]))\s*\.(?=\s)"), ""),
    (re.compile(r"\s+"), " "),
]
_TABLE_ROW = re.compile(r"\s*(?:[|!]|\{\||class=|style=)")


def _paragraphs(text: str) -> list[str]:
    """The paragraphs of rendered text that hold words, without what broken markup left behind."""
    kept = []
    for paragraph in re.split(r"\n\s*\n", text):
        # Table rows are left where mwparserfromhell did not find the table.
        line = " ".join(line for line in paragraph.split("\n") if not _TABLE_ROW.match(line))
        for pattern, replacement in _MENDING:
            line = pattern.sub(replacement, line)
        line = line.strip().lstrip("*#:;,•· ")
        if re.search(r"\w", line):
            kept.append(line)
    return kept
