"""`python -m multiscale` is `multiscale`."""

from multiscale.cli import main

main()
