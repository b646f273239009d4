"""Tell a study: ledger rows -> report.html, report.md, figures, tables, runs.csv, summary.json.

``python -m ablations.report --study NAME --out DIR`` rebuilds it from MLflow alone.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from ablations.writing import FILES
from cal import cli, home
from evidence.writing import check_out

EXAMPLES = """examples:
  python -m ablations.report --study default --out out
  CAL_HOME=/data/lab python -m ablations.report --study default --out /data/report
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; exit code 0, or 1 if some runs failed."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    options = _parser().parse_args(given)
    out = home.resolve(options.out)
    check_out(out)
    from ablations.telling import retold
    from ablations.terminal import answer_table, show
    from cal.adapters.tracking import open_ledger

    command = cli.command("ablations.report", given)
    with open_ledger(home.tracking_uri(), artifacts=home.artifacts()) as ledger:
        summary = retold(options.study, ledger, out=out, command=command)
    show(answer_table(summary))
    print(f"report: {out / 'report.html'}")
    return cli.SOME_FAILED if summary["failed"] else cli.DONE


def _parser() -> cli.Parser:
    about = "Write the report of a study again, from MLflow alone: " + ", ".join(FILES)
    parser = cli.Parser("python -m ablations.report", description=about, epilog=EXAMPLES)
    parser.add_argument("--study", required=True, metavar="NAME", help="the study in the ledger")
    parser.add_argument("--out", required=True, metavar="DIR", type=Path, help="folder to write")
    return parser


if __name__ == "__main__":
    cli.run(main, module="ablations.report")
