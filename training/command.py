"""How the programs of this room end: with 0, or with one sentence and 2."""

from __future__ import annotations

import sys
from collections.abc import Callable

from uare.errors import UAREError


def exit_code(work: Callable[[], None]) -> int:
    """Does the work; 2, with the reason on stderr, where the input or the disk does not allow it."""
    try:
        work()
    except UAREError as error:
        print(f"error: {error}", file=sys.stderr)
    except OSError as error:
        print(f"error: {error}; check the place and the space left there", file=sys.stderr)
    else:
        return 0
    return 2
