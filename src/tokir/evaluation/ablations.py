"""What one change brings: pairs of systems that differ in one thing and share all else."""

from __future__ import annotations

from itertools import permutations
from typing import Any

from tokir.evaluation.significance import holm
from tokir.objectives import parts, stages

TOKENIZER_FACTORS = ("lowercase", "normalization", "prefix_space", "pretokenization", "hashed")
PLAIN = (None, False, "words")  # what such a factor is where it is left out
AS_THEY_COME = ("mean", "learned")
SHARED = ("tokenizer", "architecture", "objective", "variant", "pooling", "seed")


def ablations(rows: list[dict[str, Any]], comparisons: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One entry per pair: ``factor``, ``before`` and ``after`` (ids), and the place of their ``comparison``.

    ``p_holm`` is corrected for these pairs, which were asked for before any was seen, and not for all of the study.

    The pairs are: a tokenizer and the same with one thing more before it cuts; a pooling and what is made of it; an
    objective and the same with one part or one stage more; a static model and the same with a network; a training and
    its variant; a trained system and its fusion. Trainings are compared by their vectors as they come, and what is made
    of the vectors by the trainings that are no variants.
    """
    evaluated = [row for row in rows if row["status"] == "ok"]
    places = {frozenset((entry["a"], entry["b"])): number for number, entry in enumerate(comparisons)}
    found = []
    for before, after in permutations(evaluated, 2):
        factor = _factor(before, after)
        if factor is not None:
            pair = frozenset((before["id"], after["id"]))
            found.append(
                {"factor": factor, "before": before["id"], "after": after["id"], "comparison": places[pair]}
            )
    order = ("tokenizer", "objective", "variant", "architecture", "pooling", "fusion")
    found.sort(key=lambda entry: order.index(entry["factor"]))
    corrected = holm([comparisons[entry["comparison"]]["p"] for entry in found])
    return [entry | {"p_holm": p} for entry, p in zip(found, corrected, strict=True)]


def _factor(before: dict[str, Any], after: dict[str, Any]) -> str | None:
    """The one thing that ``after`` has and ``before`` has not; None where there is no such thing."""
    if after["kind"] == "fusion":
        members = after.get("fused", {}).get("systems", [])
        runs = before.get("runs") or [before["id"]]
        return "fusion" if before["kind"] == "trained" and set(runs) & set(members) else None
    if before["kind"] != "trained" or after["kind"] != "trained":
        return None
    changed = [name for name in SHARED if before[name] != after[name]]
    if changed == ["pooling"] and before["variant"]:
        return None
    if changed != ["pooling"] and before["pooling"] not in AS_THEY_COME:
        return None
    if len(changed) != 1 or not _STEPS.get(changed[0], lambda a, b: False)(before[changed[0]], after[changed[0]]):
        return None
    return changed[0]


def _adds(before: str, after: str) -> bool:
    """Is ``after`` the objective ``before`` with one part more in its last stage, or one stage more before it?

    >>> _adds("contrastive", "contrastive+queries"), _adds("contrastive", "lm-then-contrastive")
    (True, True)
    >>> _adds("lm", "simcse")
    False
    """
    old, new = stages(before), stages(after)
    if len(new) == len(old) + 1:
        return new[1:] == old
    smaller, larger = set(parts(old[-1])), set(parts(new[-1]))
    return old[:-1] == new[:-1] and bool(smaller) and smaller < larger and len(larger - smaller) == 1


def _prepares(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """Are two tokenizers of a kind and a size, but for one thing that ``after`` does to a text before it cuts it?"""
    changed = [name for name in TOKENIZER_FACTORS if before.get(name) != after.get(name)]
    same = all(before.get(name) == after.get(name) for name in ("type", "file"))
    sized = before.get("vocabulary_size") == after.get("vocabulary_size") or changed == ["hashed"]
    return same and sized and len(changed) == 1 and before.get(changed[0]) in PLAIN


_STEPS: dict[str, Any] = {
    "tokenizer": _prepares,
    "objective": _adds,
    "variant": lambda before, after: before is None,
    "architecture": lambda before, after: before == "static",
    "pooling": lambda before, after: (
        after.partition("-")[0] == before or (before, after) in (("mean", "sif"), ("learned", "maxsim"))
    ),
}
