"""The command line as ``python -m rocoin_opt``."""

from rocoin_opt.cli import main

if __name__ == "__main__":
    main()
