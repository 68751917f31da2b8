"""The conductor and its workshops: models, then searchers, then results."""

from tokir.study.conductor import Study, default_path
from tokir.study.workplace import Machine

__all__ = ["Machine", "Study", "default_path"]
