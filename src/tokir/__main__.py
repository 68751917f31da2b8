"""``tokir``, and ``python -m tokir``."""

import sys


def main() -> None:
    """Entry point; Ctrl-C may also come while the command line is being loaded."""
    try:
        from tokir.cli import main as command_line
    except KeyboardInterrupt:
        sys.stderr.write("error: stopped\n")
        raise SystemExit(130) from None
    command_line()


if __name__ == "__main__":
    main()
