"""What goes wrong most on a cluster, looked at in some ten seconds: one line each, with its cure.

Token, versions, storage, MLflow, GPUs, clocks and space, as the nodes themselves see them: a small
job asks each of them.
"""

import json
import os
import stat
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cal import cli
from cal.config import ConfigError
from cluster import calls, findings
from cluster.findings import Client, Facts, Finding, Node

EXAMPLES = """examples:
  python -m cluster.doctor --address http://127.0.0.1:8265
  python -m cluster.doctor --env CAL_HOME=s3://bucket/lab      as the job will have it
  python -m cluster.doctor --json                              for scripts

exit codes: 0 fine (warnings at most), 1 problems, 2 bad input, 130 interrupted
"""
ROOT = Path(__file__).resolve().parent.parent
WAIT_S = 200.0  # for the job: nodes may have to unpack the code first
MARKS = {"ok": "green", "warning": "yellow", "problem": "red"}


def parser() -> cli.Parser:
    """The command line."""
    from cluster.submit import LOCAL

    p = cli.Parser("python -m cluster.doctor", description=__doc__, epilog=EXAMPLES)
    address = os.environ.get("RAY_API_SERVER_ADDRESS") or LOCAL
    p.add_argument("--address", default=address, metavar="URL", help=f"job server ({address})")
    p.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="for the job")
    p.add_argument(
        "--installed", action="store_true", help="upload nothing: the nodes hold the code"
    )
    p.add_argument("--json", action="store_true", help="print findings as JSON")
    return p


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; see ``cal.cli`` for its exit codes."""
    options = parser().parse_args(arguments)
    from cluster.submit import job_environment

    environment = job_environment(options.env)
    address, token = options.address.rstrip("/"), calls.ray_token()
    found = _looked(address, token, environment, upload=not options.installed)
    if options.json:
        print(json.dumps(findings.plain(found), indent=1))
    else:
        _show(found)
    return cli.SOME_FAILED if findings.bad(found) else cli.DONE


def _looked(
    address: str, token: str | None, environment: dict[str, str], *, upload: bool
) -> list[Finding]:
    """Findings; one alone where the cluster does not let us in or runs no job."""
    try:
        calls.reached(address, token)
    except ConfigError as error:
        fault, _, cure = str(error).rpartition("; ")
        return [Finding("problem", "head", fault, cure)]
    if token and not os.environ.get("RAY_AUTH_MODE"):
        os.environ["RAY_AUTH_MODE"] = "token"  # before ray is imported
    begun = time.monotonic()
    seen, reason = _probed(address, token, environment, upload=upload)
    if seen is None:
        cure = "look at the job's log in the dashboard; is there room for a job of 0.1 CPU?"
        return [Finding("problem", "head", f"no job could look at the nodes: {reason}", cure)]
    seconds = time.monotonic() - begun
    nodes = tuple(Node(**{**one, "saw": tuple(one.get("saw", ()))}) for one in seen.pop("nodes"))
    silent = tuple(seen.pop("silent"))
    facts = Facts(client=_client(address), nodes=nodes, silent=silent, **seen)
    jobs = Finding("ok", "head", f"{address} ran the probe in {seconds:.0f} s")
    return [jobs, *findings.judge(facts)]


def _probed(
    address: str, token: str | None, environment: dict[str, str], *, upload: bool
) -> tuple[dict[str, Any] | None, str]:
    """What the job printed; or None and why."""
    from cluster import probe, submit

    wanted: dict[str, Any] = {"env_vars": environment} if environment else {}
    if upload:
        wanted["working_dir"] = str(ROOT)
    client = submit.job_client(address)
    try:
        job = client.submit_job(
            entrypoint="python -m cluster.probe",
            runtime_env=wanted,
            entrypoint_num_cpus=0.1 if submit.head_without_cpus(address, token) else None,
        )
    except (RuntimeError, ValueError) as error:
        return None, str(error).strip().splitlines()[0]
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        info = submit.known(address, token, job)
        if info is not None and info["status"] in ("SUCCEEDED", "FAILED", "STOPPED"):
            lines = client.get_job_logs(job).splitlines()
            for line in lines:
                if line.startswith(probe.LINE):
                    found: dict[str, Any] = json.loads(line.removeprefix(probe.LINE))
                    return found, ""
            return None, (lines or [str(info.get("message"))])[-1][:300]
        time.sleep(0.2)
    client.stop_job(job)
    return None, f"it did not end in {WAIT_S:.0f} s"


def _client(address: str) -> Client:
    """This machine, and whether the head takes a request without a token."""
    from cluster.probe import versions

    try:
        calls.reached(address, None)
        asked = False
    except ConfigError:
        asked = True
    path = calls.token_file(os.environ)
    held = path.exists() and not os.environ.get("RAY_AUTH_TOKEN")
    mode = stat.S_IMODE(path.stat().st_mode) if held else None
    return Client(token_mode=mode, token_asked=asked, **versions())


def _show(found: Sequence[Finding]) -> None:
    """A table on a terminal, a line a finding elsewhere."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    if not console.is_terminal:
        for one in found:
            print(f"{one.level}: {one.about}: {one.text}" + (f"; {one.cure}" if one.cure else ""))
        return
    table = Table(show_lines=False)
    for title in ("", "", "found", "cure"):
        table.add_column(title, overflow="fold")
    for one in found:
        level = Text(one.level, style=MARKS[one.level])
        table.add_row(level, Text(one.about), Text(one.text), Text(one.cure))
    console.print(table)


if __name__ == "__main__":
    cli.run(main, module="cluster.doctor")
