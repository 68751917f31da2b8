"""Words that several commands take, and the study that they describe."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from tokir.cli.terminal import TerminalProgress, echo
from tokir.errors import TokirError, interrupted

if TYPE_CHECKING:
    from tokir.config import StudyConfig
    from tokir.study import Study

Made = TypeVar("Made")


def path(written: str) -> Path:
    """The path with the home folder in place of ``~``, which a shell leaves as it is after an equals sign."""
    from tokir.untrusted import expanded, require_utf8

    require_utf8(written)
    return expanded(written)


Preset = Annotated[
    str, typer.Argument(metavar="[PRESET or FILE.yaml]", help="A preset (`quickstart`, `best`, ...) or a file.")
]
Run = Annotated[
    Path, typer.Argument(metavar="RUN", help="A run folder, such as runs/quickstart-wiki.", parser=path)
]
Data = Annotated[
    str | None,
    typer.Option(
        "--data",
        help="A built-in data set, a BEIR folder or zip, a JSONL/CSV/TSV/Parquet file, hf:ID, ir_datasets:ID.",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", help="The run folder.", show_default="runs/NAME-DATASET", parser=path),
]
Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Change a setting, for example training.epochs=3. Repeatable."
    ),
]
Queries = Annotated[
    int | None, typer.Option("--queries", min=1, help="Evaluate on this many queries, drawn by seed.")
]
SplitName = Annotated[
    str | None, typer.Option("--split", help="Evaluate on this split, such as train, dev or test.")
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or mps.")]
Threads = Annotated[int | None, typer.Option("--threads", min=1, max=4096, help="Threads to compute with.")]
EngineName = Annotated[
    str,
    typer.Option(
        "--engine",
        metavar="ENGINE",
        help="Where it is computed: local, ray (all cores of this machine), or ray://HOST:PORT, a cluster.",
    ),
]
Download = Annotated[
    bool, typer.Option("--download", help="Fetch any named models and built-in data that are not on this machine.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print no progress.")]


def read_config(
    preset: str,
    data: str | None,
    sets: list[str] | None,
    queries: int | None = None,
    split: str | None = None,
) -> StudyConfig:
    """The configuration that the words of a command describe."""
    from tokir.config import load_config

    named = (
        ("--data", "data.source", data),
        ("--queries", "data.queries", queries),
        ("--split", "data.split", split),
    )
    given = [(option, key, value) for option, key, value in named if value is not None]
    for option, key, value in given:
        if value == "":
            raise TokirError(f"{option} is empty: name one, or leave it out")
        if any(one.partition("=")[0].strip() == key for one in sets or []):
            raise TokirError(f"{option} and --set {key} are the same setting: give one of them")
    return load_config(preset, [f"{key}={_as_yaml(value)}" for _, key, value in given] + (sets or []))


def _as_yaml(value: str | int) -> str:
    """As one line that is read back as it is, whatever characters a path holds."""
    import yaml

    from tokir.untrusted import require_utf8

    if isinstance(value, str):
        require_utf8(value)
        return str(yaml.safe_dump(value, default_style='"', width=math.inf)).strip()
    return str(value)


def make_study(
    config: StudyConfig,
    out: Path | None,
    device: str,
    threads: int | None,
    download: bool,
    quiet: bool,
    engine: str = "local",
) -> Study:
    """The study of a configuration on this machine."""
    from tokir.config.names import check_device
    from tokir.study import Machine, Study

    check_device(device)
    return Study(config, out, Machine(device, threads, download, engine), None if quiet else TerminalProgress())


def finish(study: Study, step: Callable[[], Made], quiet: bool) -> Made:
    """Do one step of a study; a stop by Ctrl-C or SIGTERM leaves everything finished as it is."""
    try:
        value = step()
    except KeyboardInterrupt as stop:
        raise interrupted(stop, "stopped; finished work is kept, and the same command resumes it") from None
    finally:
        study.progress.close()
    if not quiet:
        echo(f"{study.folder.path}: done", err=True)
    return value
