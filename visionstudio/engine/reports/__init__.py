"""Reports as one HTML file that opens without the program: nothing in it is fetched."""

from visionstudio.engine.reports.evaluation import (
    write_comparison_report,
    write_evaluation_report,
)
from visionstudio.engine.reports.run import keep_evaluation, write_run_report
from visionstudio.engine.reports.trackers import write_tracker_report

__all__ = [
    "keep_evaluation",
    "write_comparison_report",
    "write_evaluation_report",
    "write_run_report",
    "write_tracker_report",
]
