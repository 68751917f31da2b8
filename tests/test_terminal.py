"""What a terminal shows that is narrow, and a program that is stopped before it has begun."""

import io
import signal

import pytest
from rich.table import Table

from tokir.cli import main, terminal
from tokir.cli.terminal import Signal, say


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_table_loses_nothing_on_a_narrow_terminal(monkeypatch):
    table = Table(box=None)
    for number in range(4):
        table.add_column(f"column {number}", no_wrap=bool(number), overflow="fold")
    table.add_row("the name of a system", *["1.000 [1.000]"] * 3)
    monkeypatch.setenv("COLUMNS", "40")
    for stream in (Terminal(), io.StringIO()):
        monkeypatch.setattr("sys.stdout", stream)
        terminal.print_table(table, 80, 110)
        assert "the name of a system" in stream.getvalue() and stream.getvalue().count("1.000 [1.000]") == 3


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("place", ["tokir.cli.app", "tokir.cli._Commands.make_context"])
def test_a_stop_before_a_command_has_begun_is_one_line(monkeypatch, capsys, place, number, code):
    def stop(*_, **__):
        signal.raise_signal(number)

    monkeypatch.setattr("sys.argv", ["tokir", "doctor"])
    monkeypatch.setattr(place, stop)
    monkeypatch.setattr(Signal, "number", signal.SIGINT)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == code and capsys.readouterr().err.strip() == "error: stopped"


def test_what_nobody_reads_stops_no_work():
    class Closed(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    say("12 of 20 passages", Closed())
