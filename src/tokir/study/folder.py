"""The run folder of a study: begun, or found with the same study in it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from tokir.artifacts import Names, RunFolder, file_digest, json_text, text_digest, write_text
from tokir.config import StudyConfig, check_config, dump_config
from tokir.config.text import parse_yaml
from tokir.data import Dataset
from tokir.encoders.registry import is_folder
from tokir.errors import TokirError, Unavailable
from tokir.study.context import source_of
from tokir.study.omissions import Omissions, find_omissions, leave_out
from tokir.untrusted import read_json, read_text

log = logging.getLogger("tokir")
BEGINNING = (Names.OMISSIONS, Names.SOURCE, Names.STUDY)  # what a run begins with
NAMED, SHOWN = 3, 80  # settings that differ, and characters of the value of one
FREE = ("name", "pretrained_folders")  # where models and data lie may change, since their bytes are hashed


def read_config(folder: RunFolder) -> StudyConfig:
    """The configuration that a run was begun with."""
    path = folder.checked(Names.STUDY) if folder.recorded(Names.STUDY) else folder.file(Names.STUDY)
    if folder.lost_lines and not folder.recorded(Names.STUDY):
        raise TokirError(
            f"{path}: its line of {Names.MANIFEST} is damaged, so it cannot be checked: repeat the words that began "
            "the run"
        )
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
    # A pretrained model is noted before anything is made, and nothing is lost with that.
    if _has_lost_its_record(folder):
        _refuse_other(folder, read_config(folder), config, dataset)
        log.warning("%s: gone, or empty: all that it named is made again", path / Names.MANIFEST)
    elif folder.begun(apart=(*BEGINNING, Names.MODEL_FACTS)) and not _may_be_mended(folder, config):
        _mend(folder, config, dataset, download)
        before = read_config(folder)
        _refuse_other(folder, before, config, dataset)
        _refuse_folders(config, before)
        omissions: Omissions = read_json(folder.file(Names.OMISSIONS))
        config = _with_places(folder, config, before, dataset, omissions)
        if had := omissions.keys() - (find_omissions(config, dataset, download) if omissions else {}):
            log.warning(
                "%s was begun without %s, which could be had now: choose another folder with --out to train with it",
                path,
                ", ".join(sorted(had)),
            )
        return folder, leave_out(config, omissions), omissions
    _refuse_folders(config)
    omissions = find_omissions(config, dataset, download)
    kept = leave_out(config, omissions)
    beginning = _beginning(config, dataset, omissions)

    def write() -> None:
        # Settings come last: where they lie, so do the others, and a file of the user's is not taken for them.
        for name, text in beginning.items():
            write_text(folder.file(name), text)

    with folder.locked():
        folder.ensure(list(beginning), beginning, write)
    return folder, kept, omissions


def _has_lost_its_record(folder: RunFolder) -> bool:
    """Is there more than a run begins with, and no record of any of it?"""
    if folder.lost_lines or any(map(folder.recorded, BEGINNING)):
        return False
    if not all(folder.file(name).exists() for name in (Names.STUDY, Names.SOURCE)):
        return False
    inside = {file.name for file in folder.path.iterdir() if not file.name.startswith(".")}
    return not inside <= {*BEGINNING, Names.MANIFEST, PurePosixPath(Names.SOURCE).parts[0]}


def _may_be_mended(folder: RunFolder, config: StudyConfig) -> bool:
    """Was it begun with other settings, and nothing made since that took long or that a user may want to keep?

    Tokenizers are soon trained.
    """
    kept = (Names.MODELS, Names.COMPARISON)  # an unfinished training is not on record
    made = folder.begun(apart=(*BEGINNING, Names.MODEL_FACTS, Names.TOKENIZERS))
    if made or any(folder.file(name).exists() for name in kept) or not _is_right(folder, Names.STUDY):
        return False
    return settings_of(read_config(folder)) != settings_of(config)


def _with_places(
    folder: RunFolder, config: StudyConfig, before: StudyConfig, dataset: Dataset, omissions: Omissions
) -> StudyConfig:
    """The configuration with the folders of pretrained models as they were last named, which the run keeps.

    It also keeps where the data lie now.
    """
    places = {
        "data": config.data,
        "pretrained_folders": {**before.pretrained_folders, **config.pretrained_folders},
    }
    now = before.model_copy(update=places)
    texts = _beginning(now, dataset, omissions)
    # It holds the times of the data's files, which may have been written anew with the same bytes.
    other = [Names.SOURCE] if read_text(folder.file(Names.SOURCE)) != texts[Names.SOURCE] else []
    other += [Names.STUDY] if now != before else []
    if other:
        with folder.locked():
            for name in other:
                folder.ensure([name], texts, lambda name=name: write_text(folder.file(name), texts[name]))  # type: ignore[misc]
    return config.model_copy(update=places)


def _beginning(config: StudyConfig, dataset: Dataset, omissions: Omissions) -> dict[str, str]:
    """The files that a run begins with, by name, in the order in which they are written."""
    texts = json_text(omissions), json_text(source_of(dataset)), dump_config(config)
    return dict(zip(BEGINNING, texts, strict=True))


def _mend(folder: RunFolder, config: StudyConfig, dataset: Dataset, download: bool) -> None:
    """Write a damaged file that the run began with again, where the same words give the same bytes.

    Raises:
        TokirError: they do not, so what the run began with is not known.
    """
    damaged = [name for name in BEGINNING if not _is_right(folder, name)]
    if not damaged:
        return
    texts = _beginning(config, dataset, find_omissions(config, dataset, download))
    for name in damaged:
        path = folder.file(name)
        known = folder.key(name) if folder.recorded(name) else file_digest(path) if path.exists() else None
        if known not in (None, text_digest(texts[name])):
            raise TokirError(
                f"{path}: damaged, or its line of {Names.MANIFEST} is, and these settings, data and models do not give "
                "it again: repeat the words that began the run, or choose another folder with --out"
            )
    with folder.locked():
        for name in damaged:
            folder.ensure([name], texts, lambda name=name: write_text(folder.file(name), texts[name]))  # type: ignore[misc]


def _is_right(folder: RunFolder, name: str) -> bool:
    if folder.recorded(name):
        return folder.is_whole(name)
    return not folder.lost_lines and folder.file(name).exists()  # an earlier tokir recorded none of these


def settings_of(config: StudyConfig) -> dict[str, Any]:
    """The settings that results depend on."""
    values = config.model_dump(mode="json")
    del values["data"]["source"]
    return {name: value for name, value in values.items() if name not in FREE}


def _refuse_foreign(path: Path) -> None:
    inside = {file.name for file in path.iterdir() if not file.name.startswith(".")} if path.is_dir() else set()
    # Else nothing of it was made here.
    begun = not inside or Names.OMISSIONS in inside or RunFolder(path).recorded(Names.OMISSIONS)
    if path.is_file() or not begun:
        raise TokirError(f"{path} is not a run folder and not empty: choose another folder with --out")


def _refuse_folders(config: StudyConfig, before: StudyConfig | None = None) -> None:
    """What a user has just named and is not there is a mistake; a model that has gone later is said in its row.

    Args:
        config: as it is now.
        before: with which the run was begun.
    """
    from tokir.encoders.named import find
    from tokir.tokenizers import load

    folders = config.pretrained_folders
    named = [name for name in folders if before is None or before.pretrained_folders.get(name) != folders[name]]
    if before is None:
        named += filter(is_folder, config.pretrained_models)
        for file in (settings.file for settings in config.tokenizers if settings.file):
            if not Path(file).is_file():
                raise TokirError(f"tokenizers: {file}: there is no such file")
            load(Path(file))  # which says what is wrong with it
    for name in dict.fromkeys(named):
        try:
            find(name, folders.get(name))
        except Unavailable as error:
            raise TokirError(str(error)) from None


def _differences(old: Any, new: Any, name: str = "") -> Iterator[tuple[str, Any, Any]]:
    """The settings that differ, by their dotted names; lists of different lengths differ as a whole."""
    pairs: Iterable[tuple[Any, Any, Any]] = ()
    if isinstance(old, dict) and isinstance(new, dict):
        pairs = ((key, old.get(key), new.get(key)) for key in {**old, **new})
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = zip(range(len(old)), old, new, strict=True)
    elif old != new:
        yield name, old, new
    for key, one, other in pairs:
        yield from _differences(one, other, f"{name}.{key}" if name else str(key))


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _refuse_other(folder: RunFolder, before: StudyConfig, config: StudyConfig, dataset: Dataset) -> None:
    if changed := list(_differences(settings_of(before), settings_of(config))):
        details = "; ".join(
            f"{key} is {_short(old)} there and {_short(new)} here" for key, old, new in changed[:NAMED]
        )
        others = f"; and {len(changed) - NAMED} more" if len(changed) > NAMED else ""
        raise TokirError(
            f"{folder.path} holds a run of another configuration: {details}{others}. "
            "Choose another folder with --out, or repeat its settings"
        )
    _refuse_other_tokenizers(folder, config)
    there = read_json(folder.file(Names.SOURCE))
    if there["checksum"] != dataset.checksum:
        then, now = str(there["checksum"])[:12], dataset.checksum[:12]
        if there["source"] == dataset.source:
            found = f"{dataset.source} before it changed (checksum {then} then, {now} now)"
        else:
            found = f"other data, {there['source']} (checksum {then}), and {dataset.source} has {now}"
        raise TokirError(
            f"{folder.path} holds a run of {found}: choose another folder with --out, or delete this one"
        )


def _refuse_other_tokenizers(folder: RunFolder, config: StudyConfig) -> None:
    """A tokenizer's file may go once the run has its copy, not change."""
    for settings in config.tokenizers:
        if settings.file is None or not (own := Path(settings.file)).exists():
            continue
        copy = Names.tokenizer(settings.id, own.suffix)
        if folder.recorded(copy) and file_digest(own) != folder.key(copy):
            raise TokirError(
                f"{folder.path} holds a run with {own} before it changed: choose another folder with --out, or put the "
                "file back"
            )
