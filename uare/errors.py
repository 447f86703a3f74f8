"""The error tree: what a caller may catch. One sentence each: found, expected, what to do."""


class UAREError(Exception):
    """Base of every error that UARE raises on purpose."""


class InputError(UAREError, ValueError):
    """A photo, a text, a folder or an argument that cannot be used as it is."""


class CheckpointError(UAREError, ValueError):
    """Weights or their folder are missing, incomplete, of another format, or hold NaN."""


class ConfigError(UAREError, ValueError):
    """A configuration whose fields contradict each other or the machine."""
