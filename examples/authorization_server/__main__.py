"""`python -m examples.authorization_server rotate-keys DATABASE`: make a new signing key while the
server runs.

It works on the database, so there is nothing on the network that could be asked to do it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from examples.authorization_server.signing_keys import rotate
from examples.authorization_server.store import Store


def main(arguments: list[str]) -> int:
    """Run the command and return its exit status: 2 for invalid arguments."""
    if len(arguments) != 2 or arguments[0] != "rotate-keys" or not Path(arguments[1]).is_file():
        print(__doc__, file=sys.stderr)
        return 2
    print(f"New tokens are signed by the key {rotate(Store(Path(arguments[1])))}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
