"""What a benchmark run found out, as one table and one JSON line."""

import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import torch

SCHEMA_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One line of the table."""

    what: str
    value: float
    unit: str
    spread: tuple[float, float] | None = None  # lowest and highest of the repeats; `value` is their median
    against: str = ""  # what it is compared with in the same run
    ratio: float | None = None  # how many times better than that, or the share of it
    aim: tuple[Literal["≤", "≥"], float] | None = None  # for `ratio` where there is one, else for `value`

    @property
    def reached(self) -> bool | None:
        """Whether the aim was reached; None without an aim."""
        if self.aim is None:
            return None
        sign, limit = self.aim
        found = self.value if self.ratio is None else self.ratio
        return found <= limit if sign == "≤" else found >= limit


def describe_machine(device: torch.device, dtype: torch.dtype, num_threads: int) -> dict[str, Any]:
    """What the figures depend on."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()
    return {
        "device": name,
        "threads": num_threads,
        "dtype": str(dtype).removeprefix("torch."),
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": version("torch"),
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [line.split(":", 1)[1] for line in cpuinfo.read_text().splitlines() if "model name" in line]
        if names:
            return names[0].strip()
    return platform.processor() or platform.machine()


def as_markdown(rows: Sequence[Measured]) -> str:
    """The table; numbers have three significant figures."""
    lines = ["| what | value | lowest to highest | against | ratio | aim |", "|---|---|---|---|---|---|"]
    for row in rows:
        spread = "" if row.spread is None else f"{_short(row.spread[0])} to {_short(row.spread[1])}"
        ratio = "" if row.ratio is None else _short(row.ratio)
        cells = (row.what, f"{_short(row.value)} {row.unit}", spread, row.against, ratio, _aim(row))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def as_report(title: str, command: str, machine: dict[str, Any], rows: Sequence[Measured]) -> str:
    """The file for `docs/results/`: what made it, where, and the table."""
    where = ", ".join(f"{name} {value}" for name, value in machine.items())
    return (
        f"# {title}\n\nGenerated; do not edit. Made by:\n\n    {command}\n\n{where}.\n"
        "Values are medians; all ratios are between values of this run.\n\n"
        f"{as_markdown(rows)}\n"
    )


def as_json_line(command: str, machine: dict[str, Any], rows: Sequence[Measured]) -> str:
    """Everything in one line, for programs."""
    plain = [asdict(row) | {"reached": row.reached} for row in rows]
    return json.dumps(
        {"schema_version": SCHEMA_VERSION, "command": command, "machine": machine, "rows": plain},
        ensure_ascii=False,
    )


def _short(value: float) -> str:
    """Three significant figures, never in powers of ten."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _aim(row: Measured) -> str:
    if row.aim is None:
        return ""
    sign, limit = row.aim
    return f"{sign} {limit:g}: {'reached' if row.reached else 'missed'}"


def publish(
    title: str, command: str, machine: dict[str, Any], rows: Sequence[Measured], file: Path | None
) -> None:
    """Writes the report where a file is asked for, then prints the table and the line for programs."""
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(as_report(title, command, machine, rows), encoding="utf-8")
    print(as_markdown(rows))
    print(as_json_line(command, machine, rows))
