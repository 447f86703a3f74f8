"""The words that data, model and reports share: degradations, severities, levels and attributes.

Everything that names one of these, in training text or in a result, takes the name from here.
"""

# Degradation id -> words in running text.
DEGRADATIONS: dict[str, str] = {
    "blur": "blur",
    "noise": "noise",
    "jpeg": "JPEG artifacts",
    "haze": "haze",
    "rain": "rain",
    "lowlight": "low light",
    "lowres": "low resolution",
}

# Severity 1..5 -> word, after DQ-495K (DepictQA).
SEVERITIES: dict[int, str] = {1: "slight", 2: "moderate", 3: "obvious", 4: "serious", 5: "catastrophic"}

# Level -> score, best first, after Q-Align.
LEVELS: dict[str, int] = {"excellent": 5, "good": 4, "fair": 3, "poor": 2, "bad": 1}

# Composition is left out: synthetic degradations give no honest label for it.
ATTRIBUTES: tuple[str, ...] = ("sharpness", "colour fidelity", "noise", "artefacts", "exposure")

# What is said of each region of a photo (RSFIQA), and the attribute that is read for it.
DIMENSIONS: dict[str, str] = {
    "colour": "colour fidelity",
    "noise": "noise",
    "artefact": "artefacts",
    "blur": "sharpness",
}
