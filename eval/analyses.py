"""What a report adds to the tables of suites, out of the records of a run."""

from __future__ import annotations

from dataclasses import replace

from eval.detail_of_run import detail_section
from eval.efficiency import efficiency_section, measure_costs, problems_of
from eval.judging_tables import judging_section
from eval.options import Options
from eval.paper_rows import paper_section
from eval.probing import probes_section
from eval.records import Run, write_run_info
from eval.report.files import write_report
from eval.report.model import Report
from eval.scenes import SceneFile


def report_on(run: Run, options: Options, scenes: SceneFile | None) -> Report:
    """Analyses a run as the options ask, and writes its report."""
    sections = [detail_section(run), probes_section(run, options.metric_weights), judging_section(run)]
    problems: list[str] = []
    if options.paper:
        sections.append(paper_section(run))
    if options.efficiency:
        costs = measure_costs(run)
        problems += problems_of(costs)
        sections.append(efficiency_section(run, costs))
    if problems:
        run = replace(run, info=replace(run.info, problems=(*run.info.problems, *problems)))
        write_run_info(run.info, run.folder)
    return write_report(run.folder, [one for one in sections if one is not None], scenes)
