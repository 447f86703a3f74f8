"""The structured record of one synthetic harm: what every label and training text is derived from."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from uare.errors import InputError
from uare.vocabulary import DEGRADATIONS, SEVERITIES


@dataclass(frozen=True)
class DegradationRecord:
    """One harm done to one image: an id of the shared vocabulary, its severity 1..5 and what was drawn.

    Raises `InputError` for an unknown type or a severity outside 1..5.
    """

    type: str
    severity: int
    parameters: dict[str, float | str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.type not in DEGRADATIONS:
            raise InputError(
                f"found degradation type {self.type!r}, expected one of {', '.join(DEGRADATIONS)}"
            )
        if self.severity not in SEVERITIES:
            raise InputError(
                f"found severity {self.severity!r} for {self.type}, expected a whole number from 1 to 5"
            )

    def to_dict(self) -> dict[str, object]:
        """The record in plain JSON types."""
        return {"type": self.type, "severity": self.severity, "parameters": dict(self.parameters)}

    @classmethod
    def from_dict(cls, fields: Mapping[str, object]) -> "DegradationRecord":
        """Reads what `to_dict` wrote; raises `InputError` where a field is missing or of the wrong type."""
        kind, severity, parameters = fields.get("type"), fields.get("severity"), fields.get("parameters", {})
        if not isinstance(kind, str) or not isinstance(severity, int) or not isinstance(parameters, Mapping):
            raise InputError(
                f"found the degradation record {dict(fields)!r}, expected a text 'type', "
                "a whole 'severity' and a mapping 'parameters'"
            )
        return cls(kind, severity, dict(parameters))
