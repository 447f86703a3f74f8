"""Results become JSON without loss of meaning, and stay unrounded inside."""

import json

import pytest
from PIL import Image

from uare.results import Analysis, Assessment, Comparison, Degradation, Restoration, Verdict

NOISE = Degradation(type="noise", severity=3)
ANALYSIS = Analysis(intent="You want it clean.", degradations=(NOISE,), text="Intent: You want it clean.")


def test_degradations_read_as_running_text() -> None:
    assert NOISE.words == "obvious noise"
    assert Degradation(type="jpeg", severity=None).words == "JPEG artifacts"


def test_assessment_rounds_only_in_its_dictionary() -> None:
    third = 1 / 3
    assessment = Assessment(
        score=third + 3,
        level="fair",
        distribution={"fair": third, "good": 2 * third},
        attributes={"noise": third + 1},
        degradations=(NOISE,),
        text="The quality of this image is fair.",
    )
    assert json.loads(json.dumps(assessment.to_dict())) == {
        "score": 3.3333,
        "level": "fair",
        "distribution": {"fair": 0.3333, "good": 0.6667},
        "attributes": {"noise": 1.3333},
        "degradations": [{"type": "noise", "severity": 3}],
        "text": "The quality of this image is fair.",
        "regions": None,
    }
    assert assessment.score == third + 3


def test_comparison_names_its_probabilities() -> None:
    comparison = Comparison(verdict="A", probabilities=(0.7, 0.2, 0.1), text="")
    assert comparison.to_dict()["probabilities"] == {"A": 0.7, "B": 0.2, "equal": 0.1}


def test_restoration_leaves_its_picture_out_of_the_dictionary() -> None:
    restoration = Restoration(
        image=Image.new("RGB", (2, 2)),
        analysis=ANALYSIS,
        verdict=Verdict(outcome="better", probabilities=(0.9, 0.04, 0.06)),
        seed=1,
        steps=4,
        timings={"text": 0.123456},
        warnings=("first frame of an animation",),
    )
    assert json.loads(json.dumps(restoration.to_dict())) == {
        "analysis": {
            "intent": "You want it clean.",
            "content": None,
            "quality": None,
            "plan": None,
            "result": None,
            "degradations": [{"type": "noise", "severity": 3}],
            "text": "Intent: You want it clean.",
        },
        "verdict": {
            "outcome": "better",
            "probabilities": {"better": 0.9, "worse": 0.04, "about equal": 0.06},
        },
        "seed": 1,
        "steps": 4,
        "timings": {"text": 0.1235},
        "warnings": ["first frame of an animation"],
    }


def test_results_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        NOISE.severity = 5  # type: ignore[misc]
