"""The JSON documents of the command and of the service: their one description.

`uare.schema_pages` makes two files of it. A new field raises the minor version; a field that goes or changes
its meaning raises the major one. Readers should ignore fields that they do not know.
"""

from typing import Any

from uare.vocabulary import ATTRIBUTES, DEGRADATIONS, DIMENSIONS, LEVELS, SEVERITIES

SCHEMA_VERSION = "1.3"
Schema = dict[str, Any]


def _text(about: str, **more: Any) -> Schema:
    return {"type": "string", "description": about, **more}


def _number(about: str, low: float, high: float) -> Schema:
    return {"type": "number", "description": about, "minimum": low, "maximum": high}


def _count(about: str, low: int = 0) -> Schema:
    return {"type": "integer", "description": about, "minimum": low}


def _yes(about: str) -> Schema:
    return {"type": "boolean", "description": about}


def _list(about: str, items: Schema) -> Schema:
    return {"type": "array", "description": about, "items": items}


def _one_of(about: str, words: list[str]) -> Schema:
    return {"type": "string", "description": about, "enum": words}


def _map(about: str, values: Schema) -> Schema:
    return {"type": "object", "description": about, "additionalProperties": values}


def _use(definition: str, about: str) -> Schema:
    return {"$ref": f"#/$defs/{definition}", "description": about}


def _or_null(schema: Schema) -> Schema:
    about = schema["description"]
    return {"anyOf": [schema, {"type": "null"}], "description": about}


def _record(about: str, **fields: Schema) -> Schema:
    return {"type": "object", "description": about, "properties": fields, "required": list(fields)}


_PROBABILITY = {"minimum": 0, "maximum": 1, "type": "number"}
_LEVEL = _one_of("The level nearest to the score.", list(LEVELS))
_SCORE = _number("1 is bad, 5 is excellent.", 1, 5)
_PATH = "Path as it was given or found."
_SIZE = _list("Height and width in pixels.", {"type": "integer", "minimum": 1})
_WARNINGS = _list("What was changed or lost on the way, a sentence each.", {"type": "string"})
_FAILURES = _list("Inputs that could not be used; the others are done.", {"$ref": "#/$defs/failure"})
_INTERRUPTED = _yes("True if Ctrl-C ended the run; the results are those that were done by then.")
_SKIPPED = _list("Photos whose results were there already.", {"$ref": "#/$defs/skipped"})


def _probabilities(*names: str) -> Schema:
    shares = {name: {**_PROBABILITY, "description": f"P({name})"} for name in names}
    return _record("They sum to 1.", **shares)


DEFINITIONS: dict[str, Schema] = {
    "versions": _map("Name of a library or of Python -> version.", {"type": "string"}),
    "model": _record(
        "The model at work.",
        name=_text("As given to --model."),
        device=_text("Such as cpu or cuda:0."),
        dtype=_text("Number format of the weights, such as bfloat16."),
    ),
    "failure": _record(
        "An input that could not be used.",
        input=_or_null(_text("The photo; null where the sentence is about a folder or a missing file.")),
        error=_text("One sentence: what was found, what was expected, what to do."),
    ),
    "skipped": _record(
        "A photo that was left out because it is done.",
        input=_text(_PATH),
        output=_or_null(_text("Its result; null where there is none.")),
    ),
    "degradation": _record(
        "One defect.",
        type=_one_of("Which.", list(DEGRADATIONS)),
        severity=_or_null(
            _count(", ".join(f"{n} {word}" for n, word in SEVERITIES.items()) + "; null: not said.", 1)
        ),
    ),
    "region": _record(
        "A part of a photo, by itself.",
        box=_list("x0, y0, x1, y1 in pixels around it, end exclusive.", {"type": "integer", "minimum": 0}),
        area=_number("Its share of the photo's pixels.", 0, 1),
        overall=_SCORE,
        levels=_map(f"Score in 1..5 of each of: {', '.join(DIMENSIONS)}.", {"type": "number"}),
        content=_or_null(_text("What it shows; null from models that do not say it.")),
    ),
    "assessment": _record(
        "How good one photo is.",
        score=_SCORE,
        level=_LEVEL,
        distribution=_map("Level -> probability; they sum to 1.", _PROBABILITY),
        attributes=_map(
            f"Score in 1..5 of each of: {', '.join(ATTRIBUTES)}. Composition is not rated.",
            {"type": "number"},
        ),
        attribute_distributions=_map(
            "Attribute -> level -> probability; the score is their mean.",
            _map("They sum to 1.", _PROBABILITY),
        ),
        reasons=_map("Attribute -> a sentence: its level, and the named defects.", {"type": "string"}),
        degradations=_list("The defects that the text names.", {"$ref": "#/$defs/degradation"}),
        text=_text("The analysis as the model wrote it."),
        regions=_or_null(
            _list("Parts that cover the photo once; null without --regions.", {"$ref": "#/$defs/region"})
        ),
    ),
    "short_score": _record("A score without words.", score=_SCORE, level=_LEVEL),
    "comparison": _record(
        "Which of two photos is better.",
        verdict=_one_of("The better one, or equal.", ["A", "B", "equal"]),
        probabilities=_probabilities("A", "B", "equal"),
        text=_text("The reasons as the model wrote them."),
        warnings=_list("Reasons to doubt it, a sentence each.", {"type": "string"}),
    ),
    "analysis": _record(
        "What the model wrote before it restored, in parts; null where a part is missing.",
        intent=_or_null(_text("What the user wants.")),
        content=_or_null(_text("What the photo looks like, apart from its defects.")),
        quality=_or_null(_text("The defects in words.")),
        plan=_or_null(_text("What is to be done.")),
        result=_or_null(_text("What to expect.")),
        degradations=_list("The defects that the text names.", {"$ref": "#/$defs/degradation"}),
        text=_text("All of it, as written."),
    ),
    "verdict": _record(
        "The restoration against its photo.",
        outcome=_one_of("How the restoration compares.", ["better", "about equal", "worse"]),
        probabilities=_probabilities("better", "worse", "about equal"),
    ),
}

_ASSESSED = _record(
    "One photo.",
    input=_text(_PATH),
    size=_SIZE,
    assessment=_use("assessment", "How good it is."),
    heat_map=_or_null(_text("Path of the picture of its regions; null without --regions and -o.")),
    warnings=_WARNINGS,
)
_COMPARED = _record(
    "Two photos.",
    a=_text("Path of A."),
    b=_text("Path of B."),
    reference=_or_null(_text("Path of what both were made from.")),
    comparison=_use("comparison", "Which is better."),
    warnings=_WARNINGS,
)
_SETTINGS = _record(
    "The choices of the call; null was left to the model.",
    instruction=_or_null(_text("What to do, in words.")),
    analyse=_yes("Whether the model wrote an analysis first."),
    steps=_or_null(_count("Steps of the sampler.", 1)),
    fidelity=_or_null(_number("0 invents, 1 stays with the photo.", 0, 1)),
    upscale=_count("Factor of enlargement: 1, 2 or 4.", 1),
    guidance_text=_or_null({"type": "number", "description": "How strongly the words count."}),
    guidance_image=_or_null({"type": "number", "description": "How strongly the photo counts."}),
    tile=_or_null(_count("Largest side in one piece, in pixels.", 1)),
    seed=_count("Of the first restoration; --best-of counts on from it."),
    verify=_yes("Whether the result was compared with its photo."),
    best_of=_count("How many restorations were made.", 1),
    keep_worse=_yes("Whether a result that was judged worse was to be written."),
    adaptive=_yes("Whether each region was restored as strongly as its own assessment asks for."),
    mask=_or_null(_text("Path of the mask.")),
)
_CANDIDATE = _record(
    "One of several restorations.",
    rank=_count("1 was chosen; equal points share a rank.", 1),
    seed=_count("Of the restoration."),
    fidelity=_or_null(_number("As in the settings; null: the model's own.", 0, 1)),
    instruction=_or_null(_text("What it was told to do; null: nothing.")),
    analyse=_yes("Whether the model wrote an analysis first."),
    points={
        "type": "number",
        "description": "With a judge the mean over the others of P(better) + P(equal) / 2, else the score.",
    },
)
_RESTORED: dict[str, Schema] = {
    "input": _text(_PATH),
    "output": _text("Path of the result."),
    "sidecar": _text("Path of the JSON file beside the result."),
    "status": _one_of(
        "kept: the restoration was judged worse, so the result shows the photo itself.", ["restored", "kept"]
    ),
    "size": _SIZE,
    "before": _use("short_score", "The photo's score."),
    "after": _use("short_score", "The result's score."),
    "settings": _SETTINGS,
    "analysis": _or_null(_use("analysis", "What the model wrote first; null with --no-analyse.")),
    "verdict": _or_null(_use("verdict", "The result against its photo; null with --no-verify.")),
    "seed": _count("Of the restoration that was chosen."),
    "steps": _count("Steps that the sampler took.", 1),
    "timings": _map("Stage -> seconds.", {"type": "number"}),
    "warnings": _WARNINGS,
    "candidates": _list("What --best-of made, the chosen one first; empty for a single one.", _CANDIDATE),
}
_ANSWERED: dict[str, Schema] = {
    **{name: field for name, field in _RESTORED.items() if name not in ("output", "sidecar")},
    "picture": _record(
        "The result.",
        media_type=_text("Such as image/png."),
        base64=_text("The file's content."),
    ),
}
_RANKED = _record(
    "One photo's place.",
    rank=_count("1 is best; equal strengths share a rank.", 1),
    input=_text(_PATH),
    points={**_PROBABILITY, "description": "Mean over its comparisons of P(better) + P(equal) / 2."},
    strength={"type": "number", "description": "Log-odds against the average photo (Bradley-Terry)."},
    interval=_list("95 % of the strength, each comparison taken as one vote.", {"type": "number"}),
    comparisons=_count("Of this photo with others."),
)
_TRIAGED: dict[str, Schema] = {
    "input": _text(_PATH),
    "size_bytes": _count("Of the file."),
    "modified_ns": {"type": "integer", "description": "When the file was last changed, ns since 1970."},
    "score": _or_null(_SCORE),
    "level": _or_null(_LEVEL),
    "action": _one_of("What was done.", ["left", "restored", "kept", "failed"]),
    "output": _or_null(_text("Path of the result.")),
    "error": _or_null(_text("Why it failed, one sentence.")),
}
_COMPONENT = _record(
    "One part of the network.",
    name=_text("Its name."),
    parameters=_count("How many numbers it has.", 1),
    bytes=_count("What they take.", 1),
)
_BYTES = "null where the system does not say."
_MEMORY = _record(
    "In bytes.",
    weights_bytes=_count("All weights."),
    process_peak_bytes=_or_null(_count(f"The most that this process has held; {_BYTES}")),
    device_free_bytes=_or_null(_count(f"Free on the model's device; {_BYTES}")),
    device_total_bytes=_or_null(_count(f"All of the device; {_BYTES}")),
)
_JUDGE = _record(
    "Who compares photos in place of the model's words.",
    parameters=_count("How many numbers it has.", 1),
    bytes=_count("What they take.", 1),
)
_SAMPLING = _record(
    "Defaults of restoring.",
    steps=_count("Steps of the sampler.", 1),
    tile_px=_count("Largest side that is restored in one piece.", 1),
)


def _document(kind: str, about: str, **fields: Schema) -> Schema:
    """A document: what all have in common, then its own fields."""
    common = {
        "schema_version": _text("Version of this description.", pattern=r"^1\.\d+$"),
        "document": {"const": kind, "description": "Which document it is."},
        "versions": _use("versions", "What it was made with."),
        "model": _or_null(_use("model", "The model at work; null where none was run.")),
    }
    return _record(about, **common, **fields)


def _results(about: str, items: Schema, **more: Schema) -> dict[str, Schema]:
    return {"results": _list(about, items), **more, "failures": _FAILURES, "interrupted": _INTERRUPTED}


DOCUMENTS: dict[str, Schema] = {
    "assess": _document("assess", "uare assess --json", **_results("In the order of the inputs.", _ASSESSED)),
    "compare": _document("compare", "uare compare --json", **_results("One for each pair.", _COMPARED)),
    "restore": _document(
        "restore",
        "uare restore --json",
        **_results("In the order of the inputs.", _record("One photo.", **_RESTORED), skipped=_SKIPPED),
    ),
    "restoration": _document("restoration", "The file <stem>.json beside each restored photo", **_RESTORED),
    "restore-answer": _document("restore-answer", "POST /v1/restore of uare serve, in JSON", **_ANSWERED),
    "error": _document(
        "error",
        "What uare serve answers where a request failed",
        status=_count("The same as the status of the answer.", 400),
        error=_text("One sentence: what was found, what was expected, what to do."),
    ),
    "rank": _document("rank", "uare rank --json", **_results("Best first.", _RANKED)),
    "triage": _document(
        "triage",
        "uare triage --json",
        **_results(
            "What this run did.",
            {"$ref": "#/$defs/triage-entry"},
            skipped=_SKIPPED,
            ledger=_text("Path of the ledger, with the entries of all runs."),
        ),
    ),
    "triage-entry": _document("triage-entry", "A line of the ledger triage.jsonl", **_TRIAGED),
    "convert": _document(
        "convert",
        "uare convert --json",
        source=_text("The BAGEL folder."),
        output=_text("The folder that was written."),
        parameters=_count("Of the whole model.", 1),
    ),
    "info": _document(
        "info",
        "uare info --json",
        components=_list("The parts of the network.", _COMPONENT),
        parameters=_count("Of all of them.", 1),
        judge=_or_null(_JUDGE),
        memory=_MEMORY,
        sampling=_SAMPLING,
    ),
}


def json_schema() -> Schema:
    """All documents as one JSON Schema (draft 2020-12)."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "JSON documents of uare",
        "description": "Whatever the command uare prints with --json, writes beside its results or serves.",
        "version": SCHEMA_VERSION,
        "oneOf": [{"$ref": f"#/$defs/{name}"} for name in DOCUMENTS],
        "$defs": DEFINITIONS | DOCUMENTS,
    }
