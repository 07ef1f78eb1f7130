"""The command line ``rocoin-opt``: parses, calls, prints."""

from rocoin_opt.cli.app import main

__all__ = ["main"]
