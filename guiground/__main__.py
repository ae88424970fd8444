"""python -m guiground: the same as the command guiground."""

from guiground.cli import main

main()
