"""Which ids of passages and queries can be carried through files and libraries of evaluation."""

from __future__ import annotations

import re

from tokir.errors import TokirError

# White space separates the columns of TREC files; trec_eval, in C, cuts a name at NUL; the other control
# characters are cut or rewritten by whatever shows them; a byte order mark is dropped at the start of a file; half of a
# surrogate pair cannot be written at all.
_UNCARRIED = re.compile(r"[\s\x00-\x1f\x7f-\x9f\ufeff\ud800-\udfff]")


def is_valid(id: str) -> bool:
    r"""Can the id be written to TREC files and given to trec_eval?

    >>> is_valid("d1"), is_valid("d 1"), is_valid("d\x001"), is_valid("\ufeffd1"), is_valid("")
    (True, False, False, False, False)
    """
    return bool(id) and not _UNCARRIED.search(id)


def check(id: str, location: str) -> None:
    """Raise ``TokirError`` for an id that is not valid; ``location`` says where it was read."""
    if is_valid(id):
        return
    if not id:
        raise TokirError(f"{location}: an id is empty: give every passage and every query one")
    found = _UNCARRIED.search(id)
    what = "white space" if found and found[0].isspace() else "a control character"
    what = "a byte order mark" if found and found[0] == "\ufeff" else what
    raise TokirError(
        f"{location}: the id {id!r} holds {what}, which TREC files of rankings and judgements cannot carry: "
        "replace it by something else"
    )
