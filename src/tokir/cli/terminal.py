"""What the terminal shows: progress, warnings and errors on stderr, results on stdout."""

from __future__ import annotations

import errno
import logging
import os
import signal
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, TextIO

import typer

from tokir.errors import Interrupted, Stopped, TokirError, full_disk, interrupted
from tokir.progress import Silent
from tokir.untrusted import printable, require_utf8

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID
    from rich.table import Table

SECONDS_BETWEEN_LINES = 20.0  # where stderr is no terminal, a line of progress this often


class TerminalProgress(Silent):
    """A bar per task on a terminal; elsewhere a line now and then, as a log wants it."""

    shown: ClassVar[RichProgress | None] = None  # the bars on the screen, above which warnings are written

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()
        self._bars: RichProgress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._told = time.monotonic()

    def say(self, message: str) -> None:
        """Print the line above the bars; of those only what is still under way stays."""
        if self._bars is not None and not self._bars.finished:
            for bar in self._bars.tasks:
                if bar.finished:
                    self._bars.remove_task(self._tasks.pop(bar.description))
        else:
            self.close()
        say(message)

    def step(self, task: str, done: float, total: float, detail: str = "") -> None:
        """Move the bar of ``task``."""
        if not self._live:
            if time.monotonic() - self._told > SECONDS_BETWEEN_LINES:
                self._told = time.monotonic()
                say(f"{task}: {done:,.0f} of {total:,.0f}  {detail}")
            return
        if self._bars is None:
            self._bars = TerminalProgress.shown = self._open()
        if task not in self._tasks:
            self._tasks[task] = self._bars.add_task(task, total=total, detail="")
        self._bars.update(self._tasks[task], completed=done, total=total, detail=detail)

    def close(self) -> None:
        """Take the bars off the screen; their last state stays as text."""
        if self._bars is not None:
            self._bars.stop()
            self._bars, self._tasks, TerminalProgress.shown = None, {}, None

    @staticmethod
    def _open() -> RichProgress:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f}%  {task.fields[detail]}"),
            console=Console(stderr=True),
        )
        bars.start()
        return bars


def echo(text: str, *, err: bool = False, nl: bool = True, **style: Any) -> None:
    """Print lines of text, of whatever origin: what a terminal would obey is written as its number.

    Args:
        text: may hold line ends.
        err: on stderr.
        nl: end the last line.
        style: of :func:`typer.secho`.
    """
    typer.secho("\n".join(map(printable, text.split("\n"))), err=err, nl=nl, **style)


class _OneLine(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self._stream = sys.stderr  # which is another one while a library is kept quiet on some thread

    def emit(self, record: logging.LogRecord) -> None:
        line = f"{record.levelname.lower()}: {record.getMessage()}"
        if (bars := TerminalProgress.shown) is None:
            say(line, self._stream)
        else:
            bars.console.print(printable(line), markup=False, highlight=False, soft_wrap=True)


def print_table(table: Table, least: int, piped: int) -> None:
    """Print a table, as wide as the terminal.

    Args:
        table: of rich.
        least: columns that it takes; where the terminal has fewer, lines are broken by it, and nothing is left out.
        piped: columns where there is no terminal.
    """
    from rich.console import Console

    console = Console()
    width = max(console.width, least) if sys.stdout.isatty() else piped
    Console(width=width).print(table)


def say(line: str, stream: TextIO | None = None) -> None:
    """Print one line on stderr, or on ``stream``, of whatever origin."""
    with suppress(OSError):  # nobody reads it any more, which stops no work
        print(printable(line), file=stream or sys.stderr, flush=True)


@contextmanager
def errors_as_sentences() -> Iterator[None]:
    """Errors the user can mend become one line on stderr and exit code 2, without a traceback; SIGTERM is as Ctrl-C."""
    logger = logging.getLogger("tokir")
    before = logger.handlers, logger.propagate, warnings.showwarning
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started this
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal that lacks a letter gets its number, not a traceback
            stream.reconfigure(errors="backslashreplace")
    terminated = signal.signal(signal.SIGTERM, _stop)
    logger.handlers, logger.propagate = [_OneLine()], False
    warnings.showwarning = _show_warning
    try:
        _require_present_folder()
        yield
    except Interrupted as stop:
        fail(str(stop), 128 + stop.number)  # as shells count
    except KeyboardInterrupt as stop:  # while the commands are put together
        fail("stopped", 128 + interrupted(stop, "stopped").number)
    except TokirError as error:
        fail(str(error))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        if full_disk(error):
            fail(f"{where}the disk is full: free some space and run the same command again; finished work is kept")
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            fail(f"{where}not allowed: {error.strerror}; choose another folder, or change its permissions")
        fail(f"{where}{error.strerror or error}")
    except (MemoryError, RuntimeError) as error:
        if not _lacks_memory(error):
            raise
        fail("the memory is full: choose --device cpu, or a smaller batch_size in another folder (--out)")
    finally:
        signal.signal(signal.SIGTERM, terminated)
        logger.handlers, logger.propagate, warnings.showwarning = before


def fail(message: str, code: int = 2) -> NoReturn:
    """Print one line and leave."""
    say(f"error: {message}")
    raise SystemExit(code)


def _lacks_memory(error: BaseException) -> bool:
    """Is it what NumPy raises, or torch on a GPU (``OutOfMemoryError``) or on a processor?"""
    named = type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in str(error)
    return isinstance(error, MemoryError) or named


class Signal:
    """Which signal has stopped this process, for what makes of every stop the same."""

    number: int = signal.SIGINT


def _stop(number: int, _: object) -> None:
    Signal.number = number
    raise Stopped(number)


def _require_present_folder() -> None:
    """TokirError where no path in the present folder could be written down; it may be gone, too."""
    with suppress(FileNotFoundError):
        require_utf8(os.getcwd())  # noqa: PTH109


def _show_warning(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
    if issubclass(category, UserWarning):
        logging.getLogger("tokir").warning("%s", message)
