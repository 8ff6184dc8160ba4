"""Where the program starts: loads the command line, and ends quietly if that is interrupted."""

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line."""
    try:
        from herdbook.cli.main import main as run  # noqa: PLC0415 - loading may be interrupted
    except KeyboardInterrupt:
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
