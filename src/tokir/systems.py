"""The systems of a study: each point of the grid, each baseline and each fusion, with its id."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace

from tokir.config import (
    BEST,
    WHOLE,
    ArchitectureName,
    BaselineName,
    FusionSettings,
    IndexForm,
    Objective,
    Pooling,
    StudyConfig,
    TokenizerSettings,
    varies,
)
from tokir.encoders.registry import model_id
from tokir.errors import TokirError, nearest
from tokir.models.registry import ARCHITECTURES, STATIC
from tokir.study.registry import BASELINES

BAG = "a text is a bag of overlapping n-grams, without an order that a network could read or predict"
LONGEST_ID = 200  # file systems take 255 bytes, some of which stand around it


@dataclass(frozen=True)
class ModelPoint:
    """One training: ``tokenizer x architecture x objective x seed``."""

    tokenizer: TokenizerSettings
    architecture: ArchitectureName
    objective: Objective
    seed: int
    variant: str = ""

    @property
    def id(self) -> str:
        """For example ``bpe-2k.lstm.lm.s0``."""
        return f"{self.trained}.s{self.seed}"

    @property
    def trained(self) -> str:
        """Its id without the seed, for example ``bpe-2k.static.contrastive~cloze``."""
        variant = f"~{self.variant}" if self.variant else ""
        return f"{self.tokenizer.id}.{self.architecture}.{self.objective}{variant}"

    @property
    def retrieves(self) -> bool:
        """Are its vectors trained for retrieval?"""
        return self.objective.retrieves

    @property
    def has_network(self) -> bool:
        """Does a network see the order of its tokens? Without one it is a weighted bag of token vectors."""
        return ARCHITECTURES[self.architecture].network is not None

    @property
    def stage(self) -> Objective:
        """The last training of its objective."""
        return self.objective.last

    @property
    def parent(self) -> ModelPoint | None:
        """The model whose weights it starts from; None where it starts from random ones."""
        before = self.objective.before
        if before is None:
            return None
        return replace(self, objective=before, variant=self.variant if before.retrieves else "")

    @property
    def starts_alone(self) -> bool:
        """Does a network start without the token vectors of a static model, which it would add to?"""
        return self._starts_anew and self.tokenizer.letters

    @property
    def _starts_anew(self) -> bool:
        """Is it a network's first training to retrieve?"""
        return self.has_network and self.retrieves and not (self.parent and self.parent.retrieves)

    @property
    def static(self) -> ModelPoint | None:
        """The static model trained for the same, whose token vectors its training may start from.

        None over single letters and bytes: a bag of them is nothing to start from.
        """
        if not self._starts_anew or self.tokenizer.letters:
            return None
        return replace(self, architecture=STATIC, objective=self.stage)


@dataclass(frozen=True)
class TrainedSystem:
    """A trained model with a pooling."""

    model: ModelPoint
    pooling: Pooling
    index: IndexForm = WHOLE

    @property
    def id(self) -> str:
        """For example ``bpe-2k.lstm.lm.mean-white.s0``, or ``bpe-2k.static.contrastive.learned.int8.s0``."""
        return f"{self.model.trained}.{self.pooling}{_suffix(self.index)}.s{self.model.seed}"

    @property
    def whole(self) -> TrainedSystem:
        """The system that searches the same vectors exactly, and owns them."""
        return replace(self, index=WHOLE)

    @property
    def unprocessed(self) -> TrainedSystem:
        """The system whose vectors its whitening, or its removal of components, starts from."""
        return replace(self.whole, pooling=self.pooling.unprocessed)


@dataclass(frozen=True)
class LexicalSystem:
    """BM25 over the tokens of a tokenizer."""

    tokenizer: TokenizerSettings

    @property
    def id(self) -> str:
        """For example ``bpe-2k-lower.bm25``."""
        return f"{self.tokenizer.id}.bm25"


@dataclass(frozen=True)
class BaselineSystem:
    """BM25, model2vec or a pretrained encoder."""

    name: BaselineName
    index: IndexForm = WHOLE

    @property
    def id(self) -> str:
        """Its name; of a folder or a model of the hub the last part, for example ``bge-small-en-v1-5``."""
        return f"{model_id(self.name)}{_suffix(self.index)}"

    @property
    def whole(self) -> BaselineSystem:
        """The system that searches the same vectors exactly, and owns them."""
        return replace(self, index=WHOLE)


@dataclass(frozen=True)
class FusionSystem:
    """Several systems as one."""

    settings: FusionSettings

    @property
    def id(self) -> str:
        """For example ``best+bm25.weighted``."""
        return self.settings.id


def _suffix(index: IndexForm) -> str:
    return "" if index.whole else f".{index}"


System = TrainedSystem | LexicalSystem | BaselineSystem | FusionSystem


def tokenizer_of(system: System) -> TokenizerSettings | None:
    """The tokenizer trained here that a single system cuts with; None where it has none."""
    if isinstance(system, TrainedSystem):
        return system.model.tokenizer
    return system.tokenizer if isinstance(system, LexicalSystem) else None


def model_points(config: StudyConfig) -> list[ModelPoint]:
    """Every model that embeds; those that others start from are their parents.

    Raises:
        TokirError: hashed characters are to have what they cannot, or no model suits a tokenizer.
    """
    _check_hashed(config)
    points = _points(config)
    if (
        config.lexical or not config.trained_objectives
    ):  # a tokenizer is of use without a model, or none is asked for
        return points
    for tokenizer in config.tokenizers:
        if tokenizer.overlaps and not any(point.tokenizer == tokenizer for point in points):
            raise TokirError(f"{tokenizer.id}: {BAG}: add the architecture static, or leave the tokenizer out")
    return points


def left_out(config: StudyConfig) -> tuple[str, ...]:
    """Sentences on the points of the grid that no model suits, and that a study leaves out."""
    networks = [name for name in config.architectures if ARCHITECTURES[name].network is not None]
    overlapping = ", ".join(tokenizer.id for tokenizer in config.tokenizers if tokenizer.overlaps)
    if not overlapping:
        return ()
    found = []
    if networks:
        labels = " and ".join(ARCHITECTURES[name].label for name in networks)
        found.append(f"{overlapping}: left out with {labels}: {BAG}")
    late = [one.name for one in config.variants if config.retrieval_of(one.name).interaction == "late"]
    if late:
        found.append(
            f"{overlapping}: left out of {', '.join(late)}: letter n-grams meet their like in every passage"
        )
    return tuple(found)


def _points(config: StudyConfig) -> list[ModelPoint]:
    return [
        ModelPoint(tokenizer, architecture, objective, seed, variant)
        for tokenizer in config.tokenizers
        for architecture in config.architectures
        for objective in config.objectives[architecture]
        for variant in ["", *_variants(config, architecture, objective)]
        for seed in config.architecture_seeds.get(architecture, config.seeds)
        if not tokenizer.overlaps
        or (ARCHITECTURES[architecture].network is None and config.retrieval_of(variant).interaction != "late")
    ]


def _check_hashed(config: StudyConfig) -> None:
    """Here and not with the settings: a comparison of tokenizers alone has no use for a model."""
    hashed = next((tokenizer.id for tokenizer in config.tokenizers if tokenizer.hashed), None)
    if hashed is None:
        return
    if any(objective.models_language for objective in config.trained_objectives):
        raise TokirError(
            f"{hashed} has no list of characters that a language model could predict: leave lm out of the "
            "objectives, or hashed out of the tokenizer"
        )
    trainings = [config.retrieval_of(name) for name in ["", *(variant.name for variant in config.variants)]]
    if any(retrieval.dimensions % 8 for retrieval in trainings):
        raise TokirError(f"{hashed} takes vectors of a multiple of 8 dimensions: see retrieval.dimensions")
    if any(pooling.late for pooling in config.poolings):
        raise TokirError(f"{hashed} has no table of vectors for late interaction: leave maxsim out of poolings")
    if any(retrieval.interaction == "late" for retrieval in trainings):
        raise TokirError(f"{hashed} has no table of vectors for late interaction: see retrieval.interaction")


def _variants(config: StudyConfig, architecture: str, objective: Objective) -> list[str]:
    return [variant.name for variant in config.variants if varies(config, variant, architecture, objective)]


def trained_systems(config: StudyConfig) -> list[TrainedSystem]:
    """Every model with every pooling that suits it and, where it has one vector for each text, in every index."""
    return [
        TrainedSystem(point, pooling, index)
        for point in model_points(config)
        for pooling in config.poolings
        if pooling.fits(point.objective) and not (pooling.late and not _interacts(point))
        for index in (config.index[:1] if pooling.late else config.index)
    ]


def _baselines(config: StudyConfig) -> list[BaselineSystem]:
    """Every baseline, those that have vectors in every index."""
    return [
        BaselineSystem(name, index)
        for name in config.baselines
        for index in config.index
        if index.whole or name not in BASELINES or BASELINES[name].dense
    ]


def candidates(config: StudyConfig, name: str) -> list[TrainedSystem]:
    """The systems that a name of ``BEST`` may stand for.

    ``best`` those with one vector per passage, ``best-own`` those among them that make the vectors of passages
    themselves, ``best-maxsim`` those with late interaction; in an exact index, whichever others there are.

    Raises:
        TokirError: there is none; or as :func:`model_points`.
    """
    found = [
        system
        for system in trained_systems(config)
        if system.index.whole
        and system.pooling.late == (name == "best-maxsim")
        and not (name == "best-own" and system.model.stage.queries_alone)
    ]
    if not found:
        raise TokirError(f"fusions: no model of this study is one that {name} could stand for: leave {name} out")
    return found


def _different(config: StudyConfig) -> list[FusionSettings]:
    """The fusions, each once: ``best`` and its like may have one system alone to stand for, and the same one."""
    found: dict[Hashable, FusionSettings] = {}
    for fusion in config.fusions:
        members = set(fusion.systems)
        for name in members.intersection(BEST):
            if len(only := candidates(config, name)) == 1:
                members = members - {name} | {only[0].id}
        found.setdefault((fusion.method, frozenset(members)), fusion)
    return list(found.values())


def _interacts(point: ModelPoint) -> bool:
    """Is late interaction worthwhile?

    The states of a network differ in every context, so an index of them would be that of a large model; overlapping
    n-grams meet their like in nearly every passage; and token vectors that are trained to meet a teacher's passages say
    nothing of the passages' own tokens.
    """
    return not (point.has_network or point.tokenizer.overlaps or point.stage.queries_alone)


def systems(config: StudyConfig) -> list[System]:
    """Every row of the result table, in the order of the configuration.

    Raises:
        TokirError: a fusion names what is not a system of this study, or another fusion; no pooling suits a model; an
            id is too long to name files; or as :func:`model_points`.
    """
    tokenizers, trained = config.tokenizers if config.lexical else [], trained_systems(config)
    pooled = {system.model for system in trained}
    if alone := [point for point in model_points(config) if point not in pooled]:
        raise TokirError(f"poolings hold none for {alone[0].trained}, which takes learned")
    single: list[System] = [
        *trained,
        *(LexicalSystem(tokenizer) for tokenizer in tokenizers),
        *_baselines(config),
    ]
    known = [system.id for system in single]
    for name in (name for fusion in config.fusions for name in fusion.systems):
        if name not in (*BEST, *known):
            raise TokirError(
                f"fusions: {name!r} is not a system of this study that can be fused{nearest(name, known)}: "
                f"name best or one of {', '.join(known)}"
            )
    found = [*single, *map(FusionSystem, _different(config))]
    if long := [system.id for system in found if len(system.id.encode()) > LONGEST_ID]:
        raise TokirError(
            f"the name {long[0]} of a system names files too, and is longer than {LONGEST_ID} bytes: give its variant, "
            "the file of its tokenizer or the folder of its model a shorter name"
        )
    return found
