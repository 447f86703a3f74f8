"""How far a long run is, on stderr: a line that rewrites itself in a terminal, else one every few seconds."""

from __future__ import annotations

import sys
import time

SECONDS_BETWEEN_LINES = 10.0
LINE_WIDTH = 100


class Progress:
    """Counts `total` steps; time left follows from the steps that took work."""

    def __init__(self, what: str, total: int, *, shown: bool) -> None:
        self._what, self._total, self._shown = what, total, shown and total > 0
        self._done = self._worked = 0
        self._started = self._last = time.monotonic()
        self._in_terminal = sys.stderr.isatty()

    def step(self, name: str, *, worked: bool) -> None:
        """One more step is done; `worked`: it was not there already."""
        self._done += 1
        self._worked += worked
        now = time.monotonic()
        is_last = self._done == self._total
        if not self._shown or not (self._in_terminal or is_last or now - self._last >= SECONDS_BETWEEN_LINES):
            return
        self._last = now
        line = f"{self._what}: {self._done}/{self._total} {name}{self._left(now)}"
        if self._in_terminal:
            sys.stderr.write("\r" + line[:LINE_WIDTH].ljust(LINE_WIDTH) + ("\n" if is_last else ""))
        else:
            sys.stderr.write(line + "\n")
        sys.stderr.flush()

    def _left(self, now: float) -> str:
        if not self._worked or self._done == self._total:
            return f", {now - self._started:.0f} s"
        seconds = (now - self._started) / self._worked * (self._total - self._done)
        return f", about {readable_duration(seconds)} left"


def readable_duration(seconds: float) -> str:
    """Such as `12 s`, `3 min` or `2 h 5 min`."""
    minutes, hours = round(seconds / 60), int(seconds // 3600)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if hours == 0 else f"{hours} h {minutes - 60 * hours} min"
