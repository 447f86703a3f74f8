"""Who may import whom, between the rooms and inside `uare`, and what stays out of the way until it is needed.

The rules are tables at the top. A new module of `uare` fails a test until it has its place in LAYERS.
"""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]

# Room -> the other rooms that it may import.
ROOMS: dict[str, frozenset[str]] = {
    "uare": frozenset(),
    "data": frozenset({"uare"}),
    "training": frozenset({"data", "uare"}),
    "eval": frozenset({"data", "uare"}),
    "demo": frozenset({"eval", "data", "uare"}),
    "benchmarks": frozenset({"demo", "eval", "training", "data", "uare"}),
}

# Inside `uare`, lowest first: a module imports from its own layer and those before it, and never in a circle.
# A name stands for a module, or for a folder with all that is in it.
LAYERS: tuple[tuple[str, frozenset[str]], ...] = (
    ("words", frozenset({"errors", "vocabulary", "prompts", "analysis", "results", "ratings"})),
    (
        "pictures",
        frozenset(
            {
                "images",
                "saving",
                "samples",
                "alpha",
                "colour",
                "smoothing",
                "metadata",
                "sixteen_bit",
                "writing",
            }
        )
        | frozenset({"masks", "tiling", "view", "folders", "likeness", "opencv_resize", "bradley_terry"})
        | frozenset({"partition", "superpixels", "segmenter"}),
    ),
    (
        "parts",
        frozenset({"config", "tokenizer", "segments", "packing", "cache", "layers", "attention", "flex"})
        | frozenset({"resizing", "options", "candidates", "patches", "schedule"}),
    ),
    ("codecs", frozenset({"texture", "photo_statistics", "vision", "vae", "detail", "encoding"})),
    ("formats", frozenset({"checkpoints"})),
    ("experts", frozenset({"experts", "contest"})),
    ("mixture", frozenset({"mixture"})),
    ("model", frozenset({"model"})),
    ("methods", frozenset({"flow", "decoding"})),
    (
        "verbs",
        frozenset({"assess", "assess_regions", "adaptive", "compare", "restore"} | {"judge", "judge_views"}),
    ),
    ("pipeline", frozenset({"pipeline"})),
    (
        "work of the shells",
        frozenset({"batch", "documents", "records", "schema", "schema_pages", "report", "screen", "info"})
        | frozenset({"conversion", "ray_cluster"}),
    ),
    ("shells", frozenset({"cli", "commands", "service", "__init__", "__main__"})),
)

# What `data` takes of `uare`: words, pictures, and how samples become tokens; never a network.
DATA_MAY_USE = frozenset(
    {"errors", "vocabulary", "prompts", "analysis", "results", "ratings"}
    | {"images", "saving", "tiling", "colour", "smoothing"}
    | {"config", "resizing", "tokenizer", "segments", "packing", "patches", "schedule", "folders"}
)

# Only the extra `iqa` brings these, and a build that does not fit torch breaks transformers too.
NEVER_IN_UARE = frozenset({"torchvision", "pyiqa"})
# Seconds each; the default model needs none of them to start.
ONLY_INSIDE_FUNCTIONS_OF_UARE = frozenset({"diffusers", "accelerate", "gradio", "fastapi", "uvicorn", "ray"})
# Folder of `uare` -> the extra that its modules import at their top: only a function may load the folder.
FOLDERS_OF_EXTRAS = {"service": "serve"}
# What `uare --help` must not load.
SLOW_TO_IMPORT = ("torch", "transformers", "diffusers", "accelerate", "numpy", "scipy")

# Where the name to import is not the name to install.
IMPORT_NAMES = {"pillow": "PIL", "pyyaml": "yaml", "scikit-image": "skimage", "pillow-heif": "pillow_heif"}

HELP_LIMIT_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Import:
    """One imported module: who imports it, its full name, and whether loading the file does it."""

    file: Path
    line: int
    target: str
    at_load: bool

    def __str__(self) -> str:
        return f"{self.file.relative_to(CHECKOUT)}:{self.line} imports {self.target}"

    @property
    def root(self) -> str:
        return self.target.split(".")[0]


def python_files(room: str) -> list[Path]:
    """The Python files of a room, in a fixed order."""
    return sorted((CHECKOUT / room).rglob("*.py"))


def module_name(file: Path) -> str:
    """`uare.experts.iqa` for uare/experts/iqa.py; a package's own name for its `__init__.py`."""
    parts = file.relative_to(CHECKOUT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_module(name: str) -> bool:
    """Whether the checkout has a module or package of this full name."""
    path = CHECKOUT.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def imports_of(file: Path) -> Iterator[Import]:
    """Every import in a file, in functions too; `from a import b` names a.b where that is a module."""
    tree = ast.parse(file.read_text(encoding="utf-8"), filename=str(file))
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    inside = {id(node) for function in functions for node in ast.walk(function)}
    for node in ast.walk(tree):
        for target in _targets(node, file):
            assert isinstance(node, ast.Import | ast.ImportFrom)
            yield Import(file=file, line=node.lineno, target=target, at_load=id(node) not in inside)


def _targets(node: ast.AST, file: Path) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    origin = node.module or ""
    if node.level:
        package = module_name(file).split(".")
        if file.name != "__init__.py":
            package = package[:-1]
        package = package[: len(package) - node.level + 1]
        origin = ".".join([*package, *([node.module] if node.module else [])])
    named = [f"{origin}.{alias.name}" for alias in node.names]
    return [name if is_module(name) else origin for name in named]


def layer_of(module: str) -> int | None:
    """The place in LAYERS of a full module name of `uare`, None where it has none."""
    parts = module.split(".")
    name = parts[1] if len(parts) > 1 else "__init__"
    return next((index for index, (_, names) in enumerate(LAYERS) if name in names), None)


def extra_of(file: Path) -> str | None:
    """The extra without which this file of `uare` cannot be loaded, None for most."""
    return FOLDERS_OF_EXTRAS.get(file.relative_to(CHECKOUT).parts[1])


def declared_dependencies(*extras: str) -> set[str]:
    """Import names of the core's dependencies and of these extras, from pyproject.toml."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"]]
    for extra in extras:
        wanted += project["optional-dependencies"][extra]
    names = {re.split(r"[<>=!~\[; ]", requirement, maxsplit=1)[0].lower() for requirement in wanted}
    return {IMPORT_NAMES.get(name, name.replace("-", "_")) for name in names}


def all_extras() -> tuple[str, ...]:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return tuple(project["optional-dependencies"])


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_import_one_way(room: str) -> None:
    forbidden = (ROOMS.keys() | {"tests"}) - ROOMS[room] - {room}
    wrong = [
        str(found) for file in python_files(room) for found in imports_of(file) if found.root in forbidden
    ]
    assert not wrong, f"{room} may import {sorted(ROOMS[room]) or 'no other room'}: {wrong}"


def test_every_module_has_its_layer() -> None:
    lost = [module_name(file) for file in python_files("uare") if layer_of(module_name(file)) is None]
    assert not lost, f"{lost} have no layer; add each to LAYERS, as low as its imports allow"


def test_layers_of_uare_import_downwards() -> None:
    wrong = []
    for file in python_files("uare"):
        own = layer_of(module_name(file))
        for found in imports_of(file):
            other = layer_of(found.target) if found.root == "uare" else None
            if own is not None and other is not None and other > own:
                wrong.append(f"{found} ({LAYERS[own][0]} → {LAYERS[other][0]})")
    assert not wrong, wrong


def test_no_modules_import_each_other_in_a_circle() -> None:
    # A function-level import counts: it would only hide the circle.
    graph = {
        module_name(file): {found.target for found in imports_of(file) if found.target != module_name(file)}
        for room in ROOMS
        for file in python_files(room)
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail("modules import each other: " + " → ".join(error.args[1]))


def test_uare_leaves_torchvision_and_pyiqa_to_others() -> None:
    wrong = [str(i) for file in python_files("uare") for i in imports_of(file) if i.root in NEVER_IN_UARE]
    assert not wrong, wrong


def test_uare_loads_slow_libraries_only_where_they_are_used() -> None:
    wrong = [
        str(found)
        for file in python_files("uare")
        for found in imports_of(file)
        if found.at_load and found.root in ONLY_INSIDE_FUNCTIONS_OF_UARE and extra_of(file) is None
    ]
    assert not wrong, wrong


def test_folders_of_extras_are_loaded_only_where_they_are_used() -> None:
    folders = {f"uare.{folder}" for folder in FOLDERS_OF_EXTRAS}
    wrong = [
        str(found)
        for file in python_files("uare")
        for found in imports_of(file)
        if found.at_load and extra_of(file) is None and ".".join(found.target.split(".")[:2]) in folders
    ]
    assert not wrong, wrong


def test_what_uare_imports_is_declared() -> None:
    core = declared_dependencies()
    any_extra = declared_dependencies(*all_extras())
    standard = sys.stdlib_module_names | {"uare"}

    def allowed_at_load(file: Path) -> set[str]:
        extra = extra_of(file)
        return core if extra is None else declared_dependencies(extra)

    wrong = [
        str(found)
        for file in python_files("uare")
        for found in imports_of(file)
        if found.root not in standard
        and found.root not in (allowed_at_load(file) if found.at_load else core | any_extra)
    ]
    assert not wrong, f"not among the dependencies in pyproject.toml: {wrong}"


def test_data_uses_no_network_of_uare() -> None:
    wrong = [
        str(found)
        for file in python_files("data")
        for found in imports_of(file)
        if found.root == "uare" and found.target.partition(".")[2].split(".")[0] not in DATA_MAY_USE
    ]
    assert not wrong, wrong


def test_data_defines_no_network() -> None:
    wrong = [
        f"{file.relative_to(CHECKOUT)}:{node.lineno} class {node.name}"
        for file in python_files("data")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base).endswith("Module") for base in node.bases)
    ]
    assert not wrong, f"degradations are functions on tensors: {wrong}"


def test_no_module_hides_a_library() -> None:
    # An entry script started by its path has its own folder first on sys.path until it replaces it.
    taken = sys.stdlib_module_names | declared_dependencies(*all_extras())
    wrong = [
        str(file.relative_to(CHECKOUT))
        for room in ROOMS
        if room != "uare"  # never on sys.path itself: its modules are only reached as uare.something
        for file in (CHECKOUT / room).rglob("*")
        if (file.is_dir() or file.suffix == ".py") and file.stem in taken
    ]
    assert not wrong, wrong


def test_entry_scripts_put_the_checkout_first_on_the_path() -> None:
    wrong = []
    for room in ROOMS.keys() - {"uare"}:
        for file in python_files(room):
            text = file.read_text(encoding="utf-8")
            depth = len(file.relative_to(CHECKOUT).parts) - 1
            opening = f"sys.path[0] = str(Path(__file__).resolve().parents[{depth}])"
            if '__name__ == "__main__"' in text and opening not in text:
                wrong.append(f"{file.relative_to(CHECKOUT)} lacks `{opening}`")
    assert not wrong, wrong


def test_the_command_loads_no_slow_library() -> None:
    program = f"import sys, uare, uare.cli; print([m for m in {SLOW_TO_IMPORT!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_help_answers_within_a_second() -> None:
    command = shutil.which("uare", path=str(Path(sys.executable).parent))
    if command is None:
        pytest.skip("the command uare is not installed in this environment; run: pip install -e .")
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run([command, "--help"], capture_output=True, check=True)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < HELP_LIMIT_S, f"three calls took {seconds} s"
