"""`python -m local.prepare`: makes sure that a Temporal server can be started. Fast when it is prepared."""

import sys

from local.choose_server import NoServerAvailable, choose_installation, user_server
from local.progress import ProgressLine


def main() -> int:
    try:
        if user_server() is not None:
            return 0
    except RuntimeError as error:
        sys.stderr.write(f"the Temporal profile can't be read: {error}\n")
        return 2
    progress = ProgressLine()
    try:
        choose_installation(progress)
    except NoServerAvailable as error:
        progress.finish()
        sys.stderr.write(f"{error}\n")
        return 2
    progress.finish()
    return 0


if __name__ == "__main__":
    sys.exit(main())
