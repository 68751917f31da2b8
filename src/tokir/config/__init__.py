"""Every setting of a study: its default, its bounds and what it means.

One pydantic model checks a YAML file, a ``--set`` on the command line and a Python call alike, so an
error always names the field, what is allowed and the nearest name.
"""

from tokir.config.index import WHOLE, IndexForm
from tokir.config.loading import PRESETS, check_config, dump_config, load_config
from tokir.config.models import ArchitectureSettings
from tokir.config.names import ArchitectureName, BaselineName
from tokir.config.objective import Objective
from tokir.config.pooling import Pooling
from tokir.config.retrieval import RetrievalSettings, Variant
from tokir.config.study import BEST, EvaluationSettings, FusionSettings, StudyConfig
from tokir.config.tokenizer import TokenizerSettings
from tokir.config.training import OptimizationSettings, Precision, TrainingSettings
from tokir.config.variants import unread, varies

__all__ = [
    "BEST",
    "PRESETS",
    "WHOLE",
    "ArchitectureName",
    "ArchitectureSettings",
    "BaselineName",
    "EvaluationSettings",
    "FusionSettings",
    "IndexForm",
    "Objective",
    "OptimizationSettings",
    "Pooling",
    "Precision",
    "RetrievalSettings",
    "StudyConfig",
    "TokenizerSettings",
    "TrainingSettings",
    "Variant",
    "check_config",
    "dump_config",
    "load_config",
    "unread",
    "varies",
]
