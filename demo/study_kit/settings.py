"""A study as a form: every field of `study.yaml`, typed and checked. Paths count from the file's folder."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from data.forms import Form, read_form
from data.votes import OVERALL

Answer = Literal["A", "B", "none"]

# What people are asked of a pair; the position paper on human-centred evaluation names the last six.
QUESTIONS: dict[str, str] = {
    OVERALL: "Which picture is better?",
    "semantic validity": "In which one is what is shown more correct?",
    "detail realism": "Which one has the more believable detail?",
    "sharpness": "Which one is sharper?",
    "naturalness": "Which one looks more natural?",
    "visual comfort": "Which one is more pleasant to look at?",
    "style consistency": "Which one is more of one piece in its style?",
}
# Faults that a picture may have, by the same paper.
FLAGS: dict[str, str] = {
    "over-sharpened": "too sharp: halos, hard edges",
    "over-generated": "invented: detail that cannot have been there",
}
CONSENT = (
    "You will see pairs of pictures and say which one you find better. Your choices, their times and a "
    "made-up name are stored; nothing else about you is. You can stop at any time by closing the page."
)


class KnownPair(Form):
    """A pair whose answer is known: for the training round, or as a hidden test (gold)."""

    a: Path
    b: Path
    answer: Answer
    why: str = ""  # said after the choice, in the training round

    @model_validator(mode="after")
    def _differ(self) -> KnownPair:
        if self.a == self.b:
            raise ValueError(f"both pictures of a known pair are {self.a}; give two different ones")
        return self


class ScheduleSettings(Form):
    """Which pairs are asked, and when enough is known."""

    kind: Literal["all", "swiss", "active"] = "all"
    votes_per_pair: int = Field(default=5, ge=1)  # by different people: FGRestore's teams of five
    # Widest 95 % interval of a source's strength (log-odds) at which no more is asked; None: all is asked.
    stop_width: float | None = Field(default=None, gt=0)


class CheckSettings(Form):
    """Hidden tests of the people."""

    gold_share: float = Field(default=0.1, ge=0, lt=0.5)  # of showings, each gold pair once to a person
    repeat_share: float = Field(default=0.1, ge=0, lt=0.5)  # of showings, each pair again at most once
    repeat_gap: int = Field(default=10, ge=1)  # showings between


class ReviewSettings(Form):
    """Disagreements go to experts, who get links of their own when the study starts."""

    experts: int = Field(default=0, ge=0)
    least_votes: int = Field(default=5, ge=2)  # of raters, before they can be said to disagree
    share: float = Field(default=0.8, gt=0.5, le=1)  # of one mind: no need of experts


class StudySettings(Form):
    """One study."""

    title: str = "Which picture is better?"
    # A folder task/content/source.png (or with a results.csv), or a set of data/build_fgrestore.py.
    pictures: Path
    database: Path = Path("votes.sqlite")
    seed: int = 0
    consent: str = CONSENT
    questions: tuple[str, ...] = (OVERALL,)  # of QUESTIONS; `overall` is always asked first
    flags: tuple[str, ...] = ()  # of FLAGS
    scenes: Path | None = None  # JSON {content: [kind, ...]}, as for eval/run_all.py
    training: tuple[KnownPair, ...] = ()
    gold: tuple[KnownPair, ...] = ()
    teams: int = Field(default=1, ge=1)  # each pair goes to one of them; people join in turn
    most_people: int = Field(default=200, ge=1)
    votes_per_person: int = Field(default=200, ge=1)
    break_every: int = Field(default=50, ge=1)  # votes after which a rest is proposed
    schedule: ScheduleSettings = ScheduleSettings()
    checks: CheckSettings = CheckSettings()
    review: ReviewSettings = ReviewSettings()

    @field_validator("questions")
    @classmethod
    def _known_questions(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        return (OVERALL, *(name for name in _known(given, QUESTIONS, "question") if name != OVERALL))

    @field_validator("flags")
    @classmethod
    def _known_flags(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        return _known(given, FLAGS, "flag")


def _known(given: tuple[str, ...], table: dict[str, str], kind: str) -> tuple[str, ...]:
    for name in given:
        if name not in table:
            raise ValueError(f"there is no {kind} {name!r}; choose from {', '.join(table)}")
    return tuple(dict.fromkeys(given))


def read_study_settings(path: Path) -> StudySettings:
    """The settings in a YAML file, paths made whole; ConfigError with the dotted path of what is wrong."""
    given = read_form(StudySettings, path)
    folder = path.parent
    return given.model_copy(
        update={
            "pictures": folder / given.pictures,
            "database": folder / given.database,
            "scenes": None if given.scenes is None else folder / given.scenes,
            "training": tuple(_placed(pair, folder) for pair in given.training),
            "gold": tuple(_placed(pair, folder) for pair in given.gold),
        }
    )


def _placed(pair: KnownPair, folder: Path) -> KnownPair:
    return pair.model_copy(update={"a": folder / pair.a, "b": folder / pair.b})
