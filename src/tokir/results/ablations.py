"""What one change brings: pairs of systems that differ in one thing and share all else."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

from tokir.config import IndexForm, Objective, Pooling, TokenizerSettings
from tokir.evaluation.significance import holm
from tokir.models.registry import ARCHITECTURES
from tokir.results.records import Ablation, Comparison, System, Tokenizer

TOKENIZER_FACTORS = {
    name: field.default
    for name, field in TokenizerSettings.model_fields.items()
    if name not in ("type", "vocabulary_size", "file")
}
"""Settings of tokenizers that are paired, each with what it is where nothing is asked for."""
AS_THEY_COME = ("mean", "learned")
SHARED = ("tokenizer", "architecture", "objective", "variant", "pooling", "index", "seed")
ORDER = ("tokenizer", "objective", "variant", "architecture", "pooling", "index", "fusion")


def ablations(systems: Sequence[System], comparisons: Sequence[Comparison]) -> tuple[Ablation, ...]:
    """Pairs that differ in one thing, each with the position of its comparison.

    ``p_holm`` is corrected for these pairs, which were asked for before any was seen, and not for all of the study.

    The pairs are: a tokenizer and the same with one step more, of trained systems and of BM25 over tokens; a pooling
    and what is made of it; an objective and the same with one part or one stage more; a static model and the same with
    a network; a training and its variant; exact search over whole vectors and another index of them, or of their first
    dimensions; a trained system and its fusion. Trainings are compared by their vectors as they come (one for late
    interaction by this too, one for first dimensions by these too), and what is made of the vectors by the trainings
    that are not variants; an index with all of them.
    """
    evaluated = [row for row in systems if row.ok]
    positions = {frozenset((entry.a, entry.b)): number for number, entry in enumerate(comparisons)}
    found = []
    for before, after in permutations(evaluated, 2):
        factor = _factor(before, after)
        if factor is not None:
            found.append((factor, before.id, after.id, positions[frozenset((before.id, after.id))]))
    found.sort(key=lambda entry: ORDER.index(entry[0]))
    corrected = holm([comparisons[position].p for *_, position in found])
    return tuple(
        Ablation(factor=factor, before=before, after=after, comparison=position, p_holm=p)
        for (factor, before, after, position), p in zip(found, corrected, strict=True)
    )


def _factor(before: System, after: System) -> str | None:
    """The one thing that ``after`` has and ``before`` has not; None where there is no such thing."""
    if after.kind == "fusion":
        members = after.fused.systems if after.fused else ()
        runs = before.runs or (before.id,)
        return "fusion" if before.kind == "trained" and set(runs) & set(members) else None
    if before.kind != after.kind or before.kind not in ("trained", "lexical", "pretrained"):
        return None
    changed = [name for name in SHARED if getattr(before, name) != getattr(after, name)]
    if before.whole and after.whole:  # without vectors, as in late interaction, there is no index of them either
        changed = [name for name in changed if name != "index"]
    if len(changed) != 1 or (before.kind == "pretrained" and changed != ["index"]):
        return None
    if changed == ["index"]:
        return "index" if _is_step("index", before, after) else None
    if not before.whole and not (changed == ["variant"] and _trained_first(before, after)):
        return None
    if changed == ["pooling"] and before.variant:
        return None
    as_they_come = before.kind != "trained" or before.pooling in AS_THEY_COME or _trained_late(before, after)
    if changed != ["pooling"] and not as_they_come:
        return None
    return changed[0] if _is_step(changed[0], before, after) else None


def _trained_late(before: System, after: System) -> bool:
    """Is late interaction what both do, and what only ``after`` was trained for?"""
    trained = [row.retrieval_training and row.retrieval_training.interaction for row in (before, after)]
    return before.pooling == after.pooling == "maxsim" and trained == ["vector", "late"]


def _trained_first(before: System, after: System) -> bool:
    """Are the two searched by first dimensions that only ``after`` was trained for?"""
    trained = [row.retrieval_training.matryoshka if row.retrieval_training else () for row in (before, after)]
    form = IndexForm.parse(after.index or "exact")
    return form.kind == "exact" and form.dimensions in trained[1] and form.dimensions not in trained[0]


def _is_step(factor: str, before: System, after: System) -> bool:
    """Has ``after`` one thing more than ``before`` in ``factor``, in which alone the two differ?"""
    if factor == "tokenizer":
        one, other = before.tokenizer, after.tokenizer
        return one is not None and other is not None and _prepares(one, other)
    if factor == "objective":
        return _adds(before.objective or "", after.objective or "")
    if factor == "variant":
        return before.variant is None
    if factor == "architecture":
        name = before.architecture
        return name is not None and name in ARCHITECTURES and ARCHITECTURES[name].network is None
    if factor == "index":
        form, then = (IndexForm.parse(row.index or "exact") for row in (before, after))
        return form.kind == "exact" and (
            form.dimensions == then.dimensions or (before.whole and then.kind == "exact")
        )
    if factor == "pooling":
        pair = before.pooling or "", after.pooling or ""
        return str(Pooling.parse(pair[1]).unprocessed) == pair[0] or pair == ("mean", "sif")
    return False


def _adds(before: str, after: str) -> bool:
    """Is ``after`` the objective ``before`` with one part more in its last stage, or one stage more before it?

    >>> _adds("contrastive", "contrastive+queries"), _adds("contrastive", "lm-then-contrastive")
    (True, True)
    >>> _adds("lm", "simcse")
    False
    """
    old, new = Objective.parse(before), Objective.parse(after)
    if len(new.stages) == len(old.stages) + 1:
        return new.stages[1:] == old.stages
    smaller, larger = set(old.parts), set(new.parts)
    return old.before == new.before and bool(smaller) and smaller < larger and len(larger - smaller) == 1


def _prepares(before: Tokenizer, after: Tokenizer) -> bool:
    """Are two tokenizers of a kind and a size, but for one thing that ``after`` does to a text or its words?"""
    changed = [name for name in TOKENIZER_FACTORS if getattr(before, name) != getattr(after, name)]
    same = (before.type, before.file) == (after.type, after.file)
    sized = _size(before) == _size(after) or changed == ["hashed"]
    return same and sized and len(changed) == 1 and getattr(before, changed[0]) == TOKENIZER_FACTORS[changed[0]]


def _size(tokenizer: Tokenizer) -> int:
    """The entries that were asked for: a step may leave fewer words than that."""
    return tokenizer.entries_asked or tokenizer.vocabulary_size
