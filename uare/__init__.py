"""UARE: one network that says what is wrong with a photo, repairs it, and judges the repair.

    from uare import UAREPipeline

Importing this package is cheap; torch is loaded with the first name that needs it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from uare.config import UAREConfig
    from uare.model import UAREModel
    from uare.pipeline import UAREPipeline

_HOMES = {"UAREConfig": "uare.config", "UAREModel": "uare.model", "UAREPipeline": "uare.pipeline"}

__all__ = ["UAREConfig", "UAREModel", "UAREPipeline"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'uare' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
