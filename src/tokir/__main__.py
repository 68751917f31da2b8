"""``python -m tokir``."""

from tokir.cli import main

main()
