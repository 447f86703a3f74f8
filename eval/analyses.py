"""What a report adds to the tables of suites, out of the records of a run."""

from __future__ import annotations

from dataclasses import dataclass, replace

from data.votes import Votes, read_votes
from eval.agreement_tables import agreement_section
from eval.attribute_tables import attribute_section
from eval.blur_context_tables import blur_context_section
from eval.detail_of_run import detail_section
from eval.efficiency import efficiency_section, measure_costs, problems_of
from eval.fine_grained_tables import fine_grained_section
from eval.judging_tables import judging_section
from eval.naming_tables import naming_section
from eval.options import Options
from eval.paper_rows import paper_section
from eval.probing import probes_section
from eval.records import Run, write_run_info
from eval.report.files import write_report
from eval.report.model import Report
from eval.scenes import SceneFile, read_scenes


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Files that the options name, read before any work so that a slip in them is found at once."""

    scenes: SceneFile | None
    votes: Votes


def read_asked(options: Options) -> Asked:
    """Reads the files that the options name; InputError if one cannot be used."""
    return Asked(
        scenes=None if options.scenes is None else read_scenes(options.scenes),
        votes=Votes(votes=()) if options.votes is None else read_votes(options.votes),
    )


def report_on(run: Run, options: Options, asked: Asked) -> Report:
    """Analyses a run as the options ask, and writes its report."""
    weights = options.metric_weights
    sections = [
        detail_section(run),
        blur_context_section(run, weights),
        probes_section(run, weights),
        agreement_section(run, asked.votes.votes),
        judging_section(run),
        naming_section(run),
        attribute_section(run),
        fine_grained_section(run),
    ]
    problems = [str(one) for one in asked.votes.set_aside]
    if options.paper:
        sections.append(paper_section(run))
    if options.efficiency:
        costs = measure_costs(run)
        problems += problems_of(costs)
        sections.append(efficiency_section(run, costs))
    if problems:
        run = replace(run, info=replace(run.info, problems=(*run.info.problems, *problems)))
        write_run_info(run.info, run.folder)
    return write_report(run.folder, [one for one in sections if one is not None], asked.scenes)
