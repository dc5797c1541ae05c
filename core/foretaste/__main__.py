"""``python -m foretaste`` is the command line."""

from foretaste.cli import main

main()
