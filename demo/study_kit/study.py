"""A running study: who is asked what next, and what becomes of the answers."""

from __future__ import annotations

import hashlib
import hmac
import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from threading import RLock

from data.fgrestore.labels import Consensus, human_labels
from data.votes import CHOICES, EXPERT, NONE, OVERALL, RATER, A, B, Vote
from demo.study_kit.pairs import ASKED, GOLD, TRAINING, StudyPair, StudyPairs, find_pairs
from demo.study_kit.schedule import Count, choose, is_settled, state_of
from demo.study_kit.settings import StudySettings
from demo.study_kit.store import Ballot, Person, Showing, Store
from eval.scenes import read_scenes
from uare.errors import InputError

VOTE, TRAIN, REVIEW, BREAK, DONE = "vote", "training", "review", "break", "done"  # steps
# An unanswered showing this old keeps nobody else from its pair.
FORGOTTEN_S = 900.0
LONGEST_S = 86_400.0  # of a showing that a browser may claim
TOKEN_LETTERS = 32


class WithdrawnError(InputError):
    """Somebody who withdrew asks for more."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """What a person meets next. Without a showing there is nothing to answer."""

    kind: str  # VOTE, TRAIN, REVIEW, BREAK or DONE
    showing: Showing | None
    done: int  # votes given
    most: int  # that this person is asked for at most


@dataclass
class _Tally:
    """Counts of one pair while the study runs."""

    choices: Counter[str] = field(default_factory=Counter)
    open: dict[int, datetime] = field(default_factory=dict)  # showing -> since when


class Study:
    """One study; every call may come from any thread."""

    def __init__(self, settings: StudySettings) -> None:
        """Opens the database and takes up what is in it; ConfigError as `find_pairs` and `Store`."""
        self.settings = settings
        self.pairs: StudyPairs = find_pairs(settings)
        scenes = read_scenes(settings.scenes).kinds if settings.scenes else {}
        self._store = Store(settings.database, self.pairs.pairs.values(), scenes)
        self._lock = RLock()
        self._secret = self._store.secret
        self._people = {person.id: person for person in self._store.people()}
        self._asked = self.pairs.of_kind(ASKED)
        self._tallies: dict[str, _Tally] = defaultdict(_Tally)
        self._history: dict[str, list[Showing]] = defaultdict(list)
        self._raters: dict[str, dict[str, str]] = defaultdict(dict)  # pair -> person -> overall choice
        self._experts: dict[str, dict[str, str]] = defaultdict(dict)
        self._take_up_all()
        while len(self.experts()) < settings.review.experts:
            self._join(EXPERT)

    def close(self) -> None:
        """Closes the database."""
        with self._lock:
            self._store.close()

    def join(self) -> Person:
        """A new rater, in the smallest team; InputError when the study is full."""
        with self._lock:
            if len(self._present(RATER)) >= self.settings.most_people:
                raise InputError("this study has all the people that it needs; thank you for coming")
            return self._join(RATER)

    def token_of(self, person: Person) -> str:
        """What a person's link ends with: the name, and a code that only this study can make."""
        return f"{person.id}-{self._code(person.id)}"

    @property
    def organiser_token(self) -> str:
        """What the link of whoever runs the study ends with."""
        return self._code("organiser of the study")

    def check_organiser(self, token: str) -> None:
        """Raises InputError for anybody else's."""
        if not hmac.compare_digest(self.organiser_token.encode(), token.encode()):
            raise InputError("this link does not belong to the study; check that it was copied whole")

    def person_of(self, token: str) -> Person:
        """Whose link it is; InputError for one that this study did not make; WithdrawnError."""
        person = self._people.get(token.partition("-")[0])
        if person is None or not hmac.compare_digest(self.token_of(person).encode(), token.encode()):
            raise InputError("this link does not belong to the study; check that it was copied whole")
        self._check_present(person)
        return person

    def withdraw(self, person: Person) -> None:
        """Erases what a person said, everywhere and for good; the pairs are asked of others."""
        with self._lock:
            self._store.withdraw(person.id)
            self._people[person.id] = replace(person, withdrawn=True)
            self._take_up_all()

    def experts(self) -> list[Person]:
        """Everybody who decides disagreements."""
        return self._present(EXPERT)

    def next_step(self, person: Person, *, rested: bool = False) -> Step:
        """What a person meets now; the same until it is answered, in every window and after every stop."""
        with self._lock:
            self._check_present(person)  # another window may have withdrawn since the link was read
            history = self._history[person.id]
            done = sum(one.answered and self._kind(one) != TRAINING for one in history)
            most = self._most(person)
            waiting = next(
                (one for one in history if not one.answered and one.pair in self.pairs.pairs), None
            )
            if waiting is not None:
                return self._step(person, waiting, done, most)
            training = self._untrained(history)
            if training is not None:
                chance = random.Random(f"{self.settings.seed} {person.id} training {training.id}")
                return self._step(person, self._show(person, training, 0, chance), done, most)
            if done and done % self.settings.break_every == 0 and done < most and not rested:
                return Step(kind=BREAK, showing=None, done=done, most=most)
            chance = random.Random(f"{self.settings.seed} {person.id} {done}")
            chosen = None
            if person.role == EXPERT:
                chosen = self._to_review(person), 0
            elif done < most:
                chosen = self._for_rater(person, history, chance)
            if chosen is None or chosen[0] is None:
                return Step(kind=DONE, showing=None, done=done, most=most)
            return self._step(person, self._show(person, chosen[0], chosen[1], chance), done, most)

    def answer(self, person: Person, showing: int, ballot: Ballot) -> bool:
        """Stores a ballot and returns when it is on the disk; False if it was there already.

        InputError for a showing of somebody else, for questions or choices that were not asked, and for a
        second, different answer.
        """
        self._check(ballot)
        with self._lock:
            place, found = self._find(person, showing)
            is_new = self._store.answer(showing, ballot)
            if is_new:
                answered = replace(found, answered=True)
                self._history[person.id][place] = answered
                self._count(person, answered, ballot.choices[OVERALL])
            return is_new

    def feedback(self, showing: Showing, choice: str) -> tuple[bool, str] | None:
        """Whether a choice was right and why, in the training round; None elsewhere."""
        pair = self.pairs.pairs[showing.pair]
        return (choice == pair.expected, pair.why) if pair.kind == TRAINING else None

    def showing(self, person: Person, showing: int) -> tuple[Showing, StudyPair]:
        """A showing of this person and its pair; InputError for any other."""
        with self._lock:
            _, found = self._find(person, showing)
            return found, self.pairs.pairs[found.pair]

    def review_queue(self) -> list[str]:
        """Pairs on which raters disagree and experts have not decided."""
        with self._lock:
            rule = Consensus(least_votes=self.settings.review.least_votes, share=self.settings.review.share)
            waiting = []
            for pair in self._asked:
                raters, experts = self._raters[pair.id], self._experts[pair.id]
                if len(raters) < rule.least_votes:
                    continue
                votes = [*_votes(pair, raters, RATER), *_votes(pair, experts, EXPERT)]
                if pair.id not in human_labels(votes, rule):
                    waiting.append(pair.id)
            return waiting

    def progress(self) -> dict[str, float | int | bool]:
        """Where the study stands, for whoever runs it."""
        with self._lock:
            counts = self._counts()
            votes = sum(counts[pair.id].votes for pair in self._asked if pair.id in counts)
            full = sum(
                counts[pair.id].votes >= self.settings.schedule.votes_per_pair
                for pair in self._asked
                if pair.id in counts
            )
            return {
                "people": len(self._present(RATER)),
                "withdrawn": sum(person.withdrawn for person in self._people.values()),
                "votes": votes,
                "pairs": len(self._asked),
                "pairs_with_all_votes": full,
                "to_review": len(self.review_queue()) if self.settings.review.experts else 0,
                "widest_interval": state_of(self._asked, counts, with_open=False).widest,
                "settled": is_settled(self.settings.schedule, self._asked, counts),
            }

    def _check_present(self, person: Person) -> None:
        if self._people[person.id].withdrawn:
            raise WithdrawnError(f"you withdrew from this study, and nothing that {person.id} said is kept")

    def _code(self, of: str) -> str:
        return hmac.new(self._secret, of.encode(), hashlib.sha256).hexdigest()[:TOKEN_LETTERS]

    def _join(self, role: str) -> Person:
        sizes = Counter(person.team for person in self._present(role))
        team = min(range(self.settings.teams), key=lambda one: (sizes[one], one))
        person = self._store.join(role, team, "p" if role == RATER else "e")
        self._people[person.id] = person
        return person

    def _present(self, role: str) -> list[Person]:
        """Everybody of a role who did not withdraw."""
        return [one for one in self._people.values() if one.role == role and not one.withdrawn]

    def _kind(self, showing: Showing) -> str:
        pair = self.pairs.pairs.get(showing.pair)
        return pair.kind if pair else ASKED

    def _most(self, person: Person) -> int:
        if person.role == EXPERT:
            return len(self._asked)
        own = sum(pair.team == person.team for pair in self._asked)
        tests = len(self.pairs.of_kind(GOLD)) if self.settings.checks.gold_share else 0
        repeats = round(own * self.settings.checks.repeat_share / (1 - self.settings.checks.repeat_share))
        return min(self.settings.votes_per_person, own + tests + repeats)

    def _untrained(self, history: Sequence[Showing]) -> StudyPair | None:
        seen = {one.pair for one in history}
        return next((pair for pair in self.pairs.of_kind(TRAINING) if pair.id not in seen), None)

    def _for_rater(
        self, person: Person, history: Sequence[Showing], chance: random.Random
    ) -> tuple[StudyPair | None, int]:
        """A test now and then, else the pair that the schedule chooses; the repeat comes with it."""
        checks = self.settings.checks
        seen = {one.pair for one in history}
        drawn = chance.random()
        gold = [pair for pair in self.pairs.of_kind(GOLD) if pair.id not in seen]
        if gold and drawn < checks.gold_share:
            return chance.choice(gold), 0
        repeated = {one.pair for one in history if one.repeat}
        old = [
            self.pairs.pairs[one.pair]
            for one in history[: -checks.repeat_gap]
            if self._kind(one) == ASKED and one.pair not in repeated and one.pair in self.pairs.pairs
        ]
        if old and drawn > 1 - checks.repeat_share:
            return chance.choice(old), 1
        chosen = choose(
            self.settings.schedule, self._asked, self._counts(), team=person.team, seen=seen, chance=chance
        )
        return chosen, 0

    def _to_review(self, person: Person) -> StudyPair | None:
        seen = {one.pair for one in self._history[person.id]}
        return next((self.pairs.pairs[id] for id in self.review_queue() if id not in seen), None)

    def _show(self, person: Person, pair: StudyPair, repeat: int, chance: random.Random) -> Showing:
        order = "AB" if chance.random() < 0.5 else "BA"
        showing = self._store.show(person.id, pair.id, repeat, order)
        self._take_up(showing)
        return showing

    def _step(self, person: Person, showing: Showing, done: int, most: int) -> Step:
        kind = TRAIN if self._kind(showing) == TRAINING else REVIEW if person.role == EXPERT else VOTE
        return Step(kind=kind, showing=showing, done=done, most=most)

    def _find(self, person: Person, showing: int) -> tuple[int, Showing]:
        for place, one in enumerate(self._history[person.id]):
            if one.id == showing and one.pair in self.pairs.pairs:
                return place, one
        raise InputError("this pair was not shown to you; reload the page")

    def _check(self, ballot: Ballot) -> None:
        asked = set(self.settings.questions)
        if set(ballot.choices) != asked or not set(ballot.choices.values()) <= set(CHOICES):
            raise InputError(f"expected A, B or none for each of {', '.join(self.settings.questions)}")
        if set(ballot.flags) - set(self.settings.flags) or set(ballot.flags.values()) - {"", A, B, A + B}:
            raise InputError(
                f"expected no other flags than {', '.join(self.settings.flags) or 'none at all'}"
            )
        if ballot.seconds is not None and not 0 <= ballot.seconds <= LONGEST_S:
            raise InputError(f"found {ballot.seconds} seconds, expected 0 to {LONGEST_S:.0f}")

    def _take_up_all(self) -> None:
        """Counts anew what is in the database."""
        for counted in (self._tallies, self._history, self._raters, self._experts):
            counted.clear()
        for showing in self._store.showings():
            self._take_up(showing)

    def _take_up(self, showing: Showing) -> None:
        """Adds a showing of the database to the counts."""
        self._history[showing.person].append(showing)
        if showing.answered:
            ballot = self._store.ballot(showing.id)
            if ballot is not None:
                self._count(self._people[showing.person], showing, ballot.choices[OVERALL])
        elif self._people[showing.person].role == RATER and showing.repeat == 0:
            self._tallies[showing.pair].open[showing.id] = datetime.fromisoformat(showing.shown)

    def _count(self, person: Person, showing: Showing, choice: str) -> None:
        if showing.repeat:
            return
        if person.role == EXPERT:
            self._experts[showing.pair][person.id] = choice
            return
        self._tallies[showing.pair].open.pop(showing.id, None)
        self._tallies[showing.pair].choices[choice] += 1
        self._raters[showing.pair][person.id] = choice

    def _counts(self) -> dict[str, Count]:
        now = datetime.now(UTC)
        return {
            pair: Count(
                a=tally.choices[A],
                b=tally.choices[B],
                none=tally.choices[NONE],
                under_way=sum((now - since).total_seconds() < FORGOTTEN_S for since in tally.open.values()),
            )
            for pair, tally in self._tallies.items()
        }


def _votes(pair: StudyPair, choices: Mapping[str, str], role: str) -> list[Vote]:
    return [
        Vote(
            pair=pair.id,
            content=pair.content,
            task=pair.task,
            image_a=pair.image_a,
            image_b=pair.image_b,
            annotator=person,
            choice=choice,
            role=role,
        )
        for person, choice in choices.items()
    ]
