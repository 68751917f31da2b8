"""The run folder of a study: begun, or found with the same study in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tokir.artifacts import Names, RunFolder, write_json, write_text
from tokir.config import StudyConfig, check_config, dump_config, flatten
from tokir.config.text import parse_yaml
from tokir.data import Dataset
from tokir.encoders.registry import is_folder
from tokir.errors import TokirError, Unavailable
from tokir.study.context import keep_source
from tokir.study.omissions import Omissions, find_omissions, leave_out
from tokir.untrusted import read_text

FREE = ("name", "pretrained_folders")  # where pretrained models lie may change: what they hold is hashed


def read_config(folder: RunFolder) -> StudyConfig:
    """The configuration that a run was begun with."""
    path = folder.file(Names.STUDY)
    try:
        values = parse_yaml(read_text(path), str(path))
    except UnicodeDecodeError as error:
        raise TokirError(f"{path}: damaged: {error}") from None
    if not isinstance(values, dict):
        raise TokirError(f"{path}: damaged: it holds no settings")
    return check_config(values, str(path))


def begin(
    path: Path, config: StudyConfig, dataset: Dataset, download: bool
) -> tuple[RunFolder, StudyConfig, Omissions]:
    """Begin a run in ``path``, or resume the run of the same configuration and data that lies there.

    What this machine cannot give is decided once, when the run is begun: a teacher that is installed or
    removed meanwhile changes nothing in it.

    Returns:
        The folder, the configuration without what is left out, and what that is.

    Raises:
        TokirError: ``path`` holds a run of another configuration or of other data (the difference is named), or
            files that are not a run; or another process holds it; or a folder of a model, named for a run that
            is to begin, is none.
    """
    _refuse_foreign(path)
    folder = RunFolder(path)
    if (path / Names.STUDY).exists() and (path / Names.MANIFEST).exists():  # else nothing was made of it yet
        _refuse_other(folder, config, dataset)
        omissions: Omissions = folder.read_json(Names.OMISSIONS)
        return folder, leave_out(config, omissions), omissions
    _refuse_folders(config)
    omissions = find_omissions(config, dataset, download)
    kept = leave_out(config, omissions)
    with folder.locked():
        # Settings come last: where they lie, so do the others, and a file of the user's is not taken for them.
        write_json(folder.file(Names.OMISSIONS), omissions)
        keep_source(folder, dataset)
        write_text(folder.file(Names.STUDY), dump_config(config))
    return folder, kept, omissions


def settings_of(config: StudyConfig) -> dict[str, Any]:
    """The settings that results depend on."""
    values = config.model_dump(mode="json")
    return {name: value for name, value in values.items() if name not in FREE}


def _refuse_foreign(path: Path) -> None:
    inside = {file.name for file in path.iterdir() if not file.name.startswith(".")} if path.is_dir() else set()
    begun = Names.OMISSIONS in inside or inside <= {"corpus"}  # else nothing of it was made here
    if path.is_file() or not begun:
        raise TokirError(f"{path} is not a run folder and not empty: choose another folder with --out")


def _refuse_folders(config: StudyConfig) -> None:
    """What a user has just named and is no model is a mistake; later it has gone, which a row says."""
    from tokir.encoders.named import find

    for name in filter(is_folder, config.pretrained_models):
        try:
            find(name, config.pretrained_folders.get(name))
        except Unavailable as error:
            raise TokirError(str(error)) from None


def _refuse_other(folder: RunFolder, config: StudyConfig, dataset: Dataset) -> None:
    old, new = (flatten(settings_of(settings)) for settings in (read_config(folder), config))
    changed = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    if changed:
        details = "; ".join(f"{key} is {old.get(key)!r} there and {new.get(key)!r} here" for key in changed)
        raise TokirError(
            f"{folder.path} holds a run of another configuration: {details}. "
            "Choose another folder with --out, or repeat its settings"
        )
    source = folder.read_json(Names.SOURCE) if folder.file(Names.SOURCE).exists() else {}
    there = source.get("checksum") if isinstance(source, dict) else None
    if there != dataset.checksum:
        raise TokirError(
            f"{folder.path} holds a run of {dataset.source} before it changed (checksum {str(there)[:12]} then, "
            f"{dataset.checksum[:12]} now): choose another folder with --out, or delete this one"
        )
