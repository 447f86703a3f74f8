"""What one service takes on: size of a request, length of the line, seconds."""

from __future__ import annotations

from dataclasses import dataclass

from uare.errors import ConfigError
from uare.images import MAX_PIXELS

MEBIBYTE = 2**20


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits that hold for every request. Raises ConfigError for what could never answer one."""

    max_bytes: int = 32 * MEBIBYTE  # of a request's body
    max_pixels: int = 40_000_000  # of a photo, and of a result
    waiting: int = 8  # requests in line behind the one that is worked on
    batch: int = 4  # requests of one kind that are worked on together; 1: each alone
    timeout_s: float = 300.0  # from the first byte of a request to its answer
    upload_s: float = 30.0  # for a request's body to arrive

    def __post_init__(self) -> None:
        if self.max_bytes < 1 or self.timeout_s <= 0 or self.upload_s <= 0:
            raise ConfigError(
                f"the service needs room and time for a request, found {self.max_bytes} bytes, "
                f"{self.timeout_s} s, and {self.upload_s} s to receive it; all must be above 0"
            )
        if not 1 <= self.max_pixels <= MAX_PIXELS:
            raise ConfigError(f"a photo may have 1 to {MAX_PIXELS:,} pixels, found {self.max_pixels:,}")
        if self.waiting < 0:
            raise ConfigError(f"the line holds 0 or more requests, found {self.waiting}")
        if self.batch < 1:
            raise ConfigError(f"a batch has 1 or more requests, found {self.batch}")
