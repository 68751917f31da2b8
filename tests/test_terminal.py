"""What a terminal shows that is narrow, and a program that is stopped before it has begun."""

import io

import pytest
from rich.table import Table

from tokir.cli import main, terminal


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


@pytest.mark.parametrize("place", ["tokir.cli.app", "tokir.cli._Commands.make_context"])
def test_ctrl_c_before_a_command_has_begun_is_one_line(monkeypatch, capsys, place):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("sys.argv", ["tokir", "doctor"])
    monkeypatch.setattr(place, stop)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130 and capsys.readouterr().err.strip() == "error: stopped"
