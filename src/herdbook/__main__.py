"""Where the program starts: loads the command line, and ends quietly if that is interrupted."""

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line."""
    try:
        from herdbook.cli.loading import begin_loading  # noqa: PLC0415 - may be interrupted

        begin_loading()
        from herdbook.cli.main import main as run  # noqa: PLC0415 - the same
    except KeyboardInterrupt:
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
