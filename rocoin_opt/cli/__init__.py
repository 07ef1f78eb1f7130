"""The command line ``rocoin-opt``: parses, calls, prints."""

from __future__ import annotations


def main() -> None:
    """Run the command line."""
    try:
        # Here, so that even an interrupt while the program loads ends it without a traceback.
        from rocoin_opt.cli.streams import reserve_streams

        reserve_streams()
        from rocoin_opt.cli.app import run

        run()
    except KeyboardInterrupt:
        raise SystemExit(130) from None
