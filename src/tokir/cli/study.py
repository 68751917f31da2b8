"""``tokir run``, ``train``, ``embed``, ``evaluate`` and ``report``: a study as a whole, and its steps one by one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tokir.cli.options import (
    Data,
    Device,
    Download,
    EngineName,
    Out,
    Preset,
    Queries,
    Quiet,
    Run,
    Sets,
    SplitName,
    Threads,
    finish,
    make_study,
    read_config,
)
from tokir.cli.terminal import echo, print_table
from tokir.errors import quoted

if TYPE_CHECKING:
    from tokir.results.records import Results
    from tokir.study import Study


def run(
    preset: Preset = "quickstart",
    data: Data = None,
    out: Out = None,
    sets: Sets = None,
    queries: Queries = None,
    split: SplitName = None,
    device: Device = "auto",
    threads: Threads = None,
    download: Download = False,
    engine: EngineName = "local",
    quiet: Quiet = False,
) -> None:
    """Run a study from data to report, or resume one that was stopped.

    Examples:
        tokir run

        tokir run reference --data my-corpus/ --out runs/mine

        tokir run quickstart --set training.epochs=4 --set 'seeds=[0, 1]'
    """
    from tokir.study.helpers import require_alone

    require_alone()
    study = make_study(
        read_config(preset, data, sets, queries, split), out, device, threads, download, quiet, engine
    )
    results = finish(study, study.run, quiet)
    if results is None:
        echo("No judged queries, so there is nothing to score; the run can be searched:")
        echo(f'tokir search {quoted(study.folder.path)} "your query"')
        return
    _print_table(results)
    echo(f"Report: {study.folder.path / 'report.html'}")


def train(
    preset: Preset = "quickstart",
    data: Data = None,
    out: Out = None,
    sets: Sets = None,
    device: Device = "auto",
    threads: Threads = None,
    download: Download = False,
    engine: EngineName = "local",
    quiet: Quiet = False,
) -> None:
    """Train the tokenizers and models of a study; documents without queries are enough.

    Example: tokir train reference --data documents.jsonl --set architectures=[lstm]
    """
    from tokir.artifacts import Names
    from tokir.study.helpers import called_together

    with called_together(device) as first:
        if not first:
            return
        study = make_study(read_config(preset, data, sets), out, device, threads, download, quiet, engine)
        finish(study, study.train, quiet)
    models = study.folder.file(Names.MODELS)
    echo(f"Models: {models}" if models.exists() else "No model could be trained on this machine.")


def embed(
    folder: Run,
    device: Device = "auto",
    threads: Threads = None,
    download: Download = False,
    engine: EngineName = "local",
    quiet: Quiet = False,
) -> None:
    """Embed the corpus of a run with every system in it, training what is missing.

    Example: tokir embed runs/quickstart-wiki
    """
    study = _reopen(folder, device, threads, download, quiet, engine)
    finish(study, study.embed, quiet)
    echo(f"Embeddings: {study.folder.path / 'embeddings'}")


def evaluate(
    folder: Run,
    device: Device = "auto",
    threads: Threads = None,
    download: Download = False,
    engine: EngineName = "local",
    quiet: Quiet = False,
) -> None:
    """Rank, score and time every system of a run, making what is missing; latency is measured again.

    Example: tokir evaluate runs/quickstart-wiki --threads 1
    """
    study = _reopen(folder, device, threads, download, quiet, engine)
    _print_table(finish(study, lambda: study.evaluate(again=True), quiet))
    report(folder)


def report(folder: Run) -> None:
    """Write report.html, report.md and results.csv again from the results of a run.

    Example: tokir report runs/quickstart-wiki
    """
    from tokir.report import write_report

    echo(f"Report: {write_report(folder)}")


def _reopen(folder: Path, device: str, threads: int | None, download: bool, quiet: bool, engine: str) -> Study:
    from tokir.artifacts import RunFolder
    from tokir.data.sources import is_gone
    from tokir.errors import TokirError
    from tokir.study.folder import read_config
    from tokir.study.helpers import require_alone

    require_alone()
    config = read_config(RunFolder.open(folder))
    if is_gone(config.data.source):
        raise TokirError(
            f"{folder} is a run of {config.data.source}, which is gone: if it has moved, name its new place once with "
            "--data, in the command that began the run"
        )
    return make_study(config, folder, device, threads, download, quiet, engine)


def _print_table(results: Results) -> None:
    from tokir.report import terminal_table

    print_table(terminal_table(results), 80, 110)
