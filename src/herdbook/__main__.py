"""Lets `python -m herdbook` do what the `herdbook` command does."""

from herdbook.cli.main import main

main()
