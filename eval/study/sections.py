"""The sections of a report on a study: ranking, scenes, questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from data.votes import OVERALL, RATER, Vote, counting
from eval.intervals import mean_with_interval
from eval.report.model import Cell, Column, Section, Table, count, estimate, mean, number, word
from eval.study.elo import NUM_REPLAYS, START, STEP
from eval.study.ranking import Estimate, Ranking, rank_sources
from eval.study.shares import duels, met_pairs, voting_rates
from eval.study.strengths import PRIOR_WINS
from eval.study.studied import Flag

DECIMALS = 2
MOST_DUELS = 10  # pairs of sources that get a table by scene


def dimensions_of(votes: Sequence[Vote]) -> list[str]:
    """The questions that were asked, the overall one first."""
    found = dict.fromkeys(vote.dimension for vote in votes)
    return sorted(found, key=lambda name: name != OVERALL)


def of_raters(votes: Sequence[Vote], dimension: str = OVERALL) -> list[Vote]:
    """The votes that count on one question; experts decide about single pairs and rank nothing."""
    return [vote for vote in counting(votes, dimension) if vote.role == RATER]


def ranking_section(votes: Sequence[Vote], everybody: Sequence[Vote], seed: int) -> Section:
    """The overall question: the ranking and the voting rates. everybody: with careless people's votes."""
    ranking = rank_sources(of_raters(votes), seed)
    if ranking is None:
        text = "No two named sources were compared, so that there is nothing to rank."
        return Section(id="ranking", title="Ranking", text=(text,))
    with_all = rank_sources(of_raters(everybody), seed) if len(everybody) > len(votes) else None
    return Section(
        id="ranking",
        title="Ranking",
        text=(
            "Strengths are log-odds against the average source: with a lead of 1.1 a source is preferred "
            "three times as often as the other. Davidson's model has a parameter for ties; Bradley-Terry "
            f"counts a tie as half a win for both. Elo moves {STEP:g} points a vote at most, from {START:g}; "
            f"its interval replays drawn votes in {NUM_REPLAYS} random orders. Intervals draw whole "
            f"{ranking.drawn_by}.",
        ),
        tables=(_ranking_table(ranking, with_all), _rates_table(of_raters(votes))),
    )


def scenes_section(votes: Sequence[Vote], scenes: Mapping[str, tuple[str, ...]], seed: int) -> Section | None:
    """Each two sources scene by scene; None where nobody met."""
    own = of_raters(votes)
    pairs = met_pairs(own)
    tables = [_duel_table(own, first, second, scenes, seed) for first, second in pairs[:MOST_DUELS]]
    if not tables:
        return None
    left_out = len(pairs) - MOST_DUELS
    return Section(
        id="scenes",
        title="Source against source, by scene",
        text=(
            "Shares of votes; a photo that shows several kinds of scenes counts in each."
            + (f" {left_out} pairs of sources with fewer votes are not shown." if left_out > 0 else ""),
        ),
        tables=tuple(tables[:1]),
        details=tuple(tables[1:]),
    )


def dimensions_section(votes: Sequence[Vote], flags: Sequence[Flag], seed: int) -> Section | None:
    """Strength of each source on each question, and flags; None where only the overall question was asked."""
    tables = []
    names = dimensions_of(votes)
    if len(names) > 1:
        tables.append(_dimension_table(votes, names, seed))
    if flags:
        tables.append(_flag_table(flags, seed))
    if not tables:
        return None
    return Section(
        id="dimensions",
        title="Question by question",
        text=(
            "Strengths of Davidson's model, as in the ranking, fitted to the votes on each question alone.",
        ),
        tables=tuple(tables),
    )


def _ranking_table(ranking: Ranking, with_all: Ranking | None) -> Table:
    before = {one.name: one.davidson for one in with_all.standings} if with_all else {}
    columns = [
        Column(name="source"),
        Column(name="rank", better="lower"),
        Column(name="wins"),
        Column(name="ties"),
        Column(name="losses"),
        Column(name="points", about="(wins + ties / 2) / votes", better="higher"),
        Column(name="Davidson", about="log-odds", better="higher"),
        Column(name="Bradley-Terry", about="log-odds, ties as half wins", better="higher"),
        Column(name="Elo", better="higher"),
    ]
    if with_all:
        columns.append(Column(name="Davidson, everybody", about="careless people too"))
    rows = []
    for one in ranking.standings:
        cells = [
            word(one.name),
            count(one.rank),
            count(one.wins),
            count(one.ties),
            count(one.losses),
            number(one.points, 3),
            _cell(one.davidson),
            _cell(one.bradley_terry),
            _cell(one.elo, 0),
        ]
        if with_all:
            cells.append(_cell(before[one.name]) if one.name in before else number(None, DECIMALS))
        rows.append(tuple(cells))
    nu = ranking.nu
    return Table(
        title="Strengths",
        columns=tuple(columns),
        rows=tuple(rows),
        notes=(
            f"{ranking.num_votes} votes; intervals draw {ranking.num_clusters} {ranking.drawn_by}.",
            f"Davidson's weight of ties is {_cell(nu).text}: two equal sources tie with "
            f"{nu.value / (2 + nu.value):.0%}.",
            f"{PRIOR_WINS:g} wins were added to both sides of each pair of sources that met.",
            *ranking.notes,
        ),
    )


def _rates_table(votes: Sequence[Vote]) -> Table:
    rows = [
        (
            word(one.name),
            count(one.total),
            number(100 * one.rate, DECIMALS),
            number(one.favourite, 1),
            number(None if one.favourite_rate is None else 100 * one.favourite_rate, DECIMALS),
        )
        for one in voting_rates(votes)
    ]
    return Table(
        title="Voting rates",
        columns=(
            Column(name="source"),
            Column(name="total votes", better="higher"),
            Column(name="voting rate, %", about="of all votes that preferred something", better="higher"),
            Column(name="rounds won", about="one person on all pairs of one photo", better="higher"),
            Column(name="of rounds, %", better="higher"),
        ),
        rows=tuple(rows),
        notes=(
            "The form of UARE's table B.4, which asked for the best of four at once. Won rounds come nearest "
            "to it: of votes on pairs, sources that lose in the end get many too.",
        ),
    )


def _duel_table(
    votes: Sequence[Vote], first: str, second: str, scenes: Mapping[str, tuple[str, ...]], seed: int
) -> Table:
    rows = [
        (
            word(one.scene),
            mean(one.first_better, 3),
            number(one.equal, 3),
            mean(one.second_better, 3),
            count(one.first_better.num_values),
        )
        for one in duels(votes, first, second, scenes, seed)
    ]
    return Table(
        title=f"{first} against {second}",
        columns=(
            Column(name="scene"),
            Column(name=f"{first} > {second}"),
            Column(name=f"{first} = {second}"),
            Column(name=f"{first} < {second}"),
            Column(name="n"),
        ),
        rows=tuple(rows),
    )


def _dimension_table(votes: Sequence[Vote], names: Sequence[str], seed: int) -> Table:
    found = {}
    for name in names:
        ranking = rank_sources(of_raters(votes, name), seed)
        found[name] = {one.name: one.davidson for one in ranking.standings} if ranking else {}
    sources = list(dict.fromkeys(source for of_name in found.values() for source in of_name))
    rows = [
        (
            word(source),
            *(_cell(found[name][source]) if source in found[name] else number(None, 2) for name in names),
        )
        for source in sources
    ]
    return Table(
        title="Strength by question",
        columns=(Column(name="source"), *(Column(name=name, better="higher") for name in names)),
        rows=tuple(rows),
    )


def _flag_table(flags: Sequence[Flag], seed: int) -> Table:
    names = list(dict.fromkeys(one.flag for one in flags))
    rows = []
    for source in sorted({one.source for one in flags}):
        cells = []
        for name in names:
            own = [one for one in flags if (one.source, one.flag) == (source, name)]
            share = (
                mean_with_interval([float(one.is_set) for one in own], seed, [one.content for one in own])
                if own
                else None
            )
            cells.append(mean(share, 3))
        rows.append((word(source), *cells))
    return Table(
        title="Faults that were flagged",
        columns=(
            Column(name="source"),
            *(Column(name=name, about="share of showings", better="lower") for name in names),
        ),
        rows=tuple(rows),
    )


def _cell(found: Estimate, decimals: int = DECIMALS) -> Cell:
    return estimate(found.value, found.ends, decimals)
