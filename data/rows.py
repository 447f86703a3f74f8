"""The mixture as numbered rows: row g is a pure function of the settings, the seed and g.

So nothing about the data has to be saved: a run that resumes at step s asks for the rows from s on, whatever
the number of ranks and workers. Samples are drawn with replacement, by the groups' weights. The sample that
fills a row may reach beyond its budget: leaving out what does not fit would leave out the long ones.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from torch.utils.data import Dataset

from data.drafts import Draft, Part
from data.samples import Sources
from data.tasks import TASKS, Asker, TaskSettings
from uare.errors import InputError
from uare.packing import VisionImage

ATTEMPTS = 20  # unreadable sources of one row before it is an error
LISTED_FAULTS = 50


@dataclass(frozen=True, kw_only=True)
class Group:
    """Samples of one task and kind of harm, from sets that are drawn by their weights."""

    name: str
    task: str  # a key of `data.tasks.TASKS`
    harm: str
    weight: float
    sets: tuple[tuple[Sources, float], ...]


@dataclass(frozen=True, kw_only=True)
class Row:
    """Drafts that are packed into one row."""

    index: int
    drafts: tuple[Draft, ...]
    num_tokens: int
    faults: tuple[str, ...] = ()  # sources that could not be read, in words


@dataclass(frozen=True, kw_only=True)
class RowSettings:
    """How rows are filled."""

    groups: tuple[Group, ...]
    task: TaskSettings
    tokens_per_row: int  # a row has at least as many, by less than one sample
    seed: int
    crops_px: tuple[int, ...] | None = None  # a row's crops have one side, drawn from these


def seed_of(*parts: int | str) -> int:
    """A seed of 63 bits that depends on every part and nothing else, as Python's hash does not."""
    digest = hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


class Rows(Dataset[Row]):
    """Rows by number, for a `DataLoader` with a sampler of row numbers."""

    def __init__(self, settings: RowSettings) -> None:
        self.settings = settings

    def __getitem__(self, index: int) -> Row:
        """Row `index`; InputError where source after source cannot be read."""
        settings = self.settings
        rng = random.Random(seed_of(settings.seed, "row", index))
        task = settings.task
        if settings.crops_px:
            task = replace(task, size=replace(task.size, crop_px=rng.choice(settings.crops_px)))
        drafts: list[Draft] = []
        faults: list[str] = []
        num_tokens = 0
        while num_tokens < settings.tokens_per_row:
            try:
                draft = self._draw(rng, task)
            except InputError as error:
                faults.append(str(error))
                if len(faults) == ATTEMPTS:
                    raise InputError(
                        f"{ATTEMPTS} sources of one row could not be read; the last: {error}"
                    ) from error
                continue
            drafts.append(draft)
            num_tokens += draft.num_tokens(task.config)
        drafts[0] = _with_a_view(drafts)
        total = sum(draft.num_tokens(task.config) for draft in drafts)
        return Row(index=index, drafts=tuple(drafts), num_tokens=total, faults=tuple(faults))

    def _draw(self, rng: random.Random, task: TaskSettings) -> Draft:
        groups = self.settings.groups
        group = rng.choices(groups, [one.weight for one in groups])[0]
        sources = rng.choices([one for one, _ in group.sets], [weight for _, weight in group.sets])[0]
        number = rng.randrange(len(sources))
        asker = Asker(settings=task, rng=random.Random(rng.getrandbits(63)))
        source = sources[number]
        made = TASKS[group.task](source, group.harm, asker)
        return Draft(
            id=source.id,
            group=group.name,
            parts=tuple(made.parts),
            records=made.records,
            pending=made.pending,
        )


def _with_a_view(drafts: Sequence[Draft]) -> Draft:
    """The first draft, its view put back if the row has none: all ranks must use the same weights."""
    views = [part for draft in drafts for part in draft.parts if isinstance(part, VisionImage)]
    first = drafts[0]
    if any(not view.dropped for view in views):
        return first
    parts: list[Part] = [
        replace(part, dropped=False) if isinstance(part, VisionImage) else part for part in first.parts
    ]
    return replace(first, parts=tuple(parts))


@dataclass(frozen=True, kw_only=True)
class RowNumbers:
    """One rank's rows from a step on: step s has rows s·R to s·R + R − 1, rank r every world-th of them."""

    first_step: int
    num_steps: int
    rows_per_step: int
    rank: int
    world: int

    def __post_init__(self) -> None:
        if self.rows_per_step % self.world:
            raise InputError(
                f"data.rows_per_step is {self.rows_per_step}, not a multiple of {self.world} ranks; "
                "change it or the number of processes"
            )

    def __iter__(self) -> Iterator[int]:
        for step in range(self.first_step, self.num_steps):
            yield from range(
                step * self.rows_per_step + self.rank, (step + 1) * self.rows_per_step, self.world
            )

    def __len__(self) -> int:
        return (self.num_steps - self.first_step) * self.rows_per_step // self.world


@dataclass
class Tally:
    """What has been drawn: samples by group, tokens, and what could not be read."""

    rows: int = 0
    num_tokens: int = 0
    samples: Counter[str] = field(default_factory=Counter)
    faults: int = 0
    listed: list[str] = field(default_factory=list)

    def add(self, row: Row) -> None:
        self.rows += 1
        self.num_tokens += row.num_tokens
        self.samples.update(draft.group for draft in row.drafts)
        self.faults += len(row.faults)
        self.listed += row.faults[: LISTED_FAULTS - len(self.listed)]

    def check(self, most_faulty: float) -> None:
        """Raises InputError where a larger share of sources than `most_faulty` could not be read."""
        read = sum(self.samples.values()) + self.faults
        if read >= 100 and self.faults > most_faulty * read:
            raise InputError(
                f"{self.faults} of {read} training samples could not be read, above the share of "
                f"{most_faulty:.1%}; the last: {self.listed[-1]}"
            )

    def shares(self) -> Mapping[str, float]:
        """Share of each group among the samples."""
        total = max(1, sum(self.samples.values()))
        return {name: count / total for name, count in sorted(self.samples.items())}
