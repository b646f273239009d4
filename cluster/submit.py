"""Submit a command to a Ray cluster, follow it, and end with its own exit code.

Ctrl-C, a closed laptop or a lost connection leave the job running; the command that follows it
again is printed. Secrets do not travel with a job, because everybody who holds the cluster's token
can read its description: they belong into the nodes' environment.
"""

import argparse
import asyncio
import logging
import os
import shlex
import urllib.error
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from cal import cli
from cal.config import ConfigError
from cluster import calls, following

EXAMPLES = """examples:
  python -m cluster.submit -- python -m ablations.full
  python -m cluster.submit --env CAL_HOME=s3://bucket/lab -- python -m ablations.full --seeds 3
  python -m cluster.submit --no-wait -- python -m ablations.full
  python -m cluster.submit --follow raysubmit_...      show its log and wait for its end
  python -m cluster.submit --stop raysubmit_...        its study ends as by Ctrl-C

exit codes: those of the submitted command; 2 bad input here, 130 interrupted (the job goes on)
or stopped
"""
LOCAL = "http://127.0.0.1:8265"
DRIVER_CPUS = 0.5  # that keep a driver from a head without CPUs
NOISY = ["dashboard.modules.dashboard_sdk", "dashboard.modules.job.sdk"]
NOISY += ["_private.runtime_env.packaging", "_private.runtime_env.working_dir"]
QUIET_S = 60.0  # without a line the connection is tried anew: it may be dead without saying so
PATIENCE_S = 600.0


def parser() -> cli.Parser:
    """The command line."""
    p = cli.Parser("python -m cluster.submit", description=__doc__, epilog=EXAMPLES)
    address = os.environ.get("RAY_API_SERVER_ADDRESS") or LOCAL
    p.add_argument("--address", default=address, metavar="URL", help=f"job server ({address})")
    p.add_argument("--working-dir", default=".", metavar="DIR", help="code to upload (.)")
    p.add_argument(
        "--installed", action="store_true", help="upload nothing: the nodes hold the code"
    )
    p.add_argument(
        "--env", action="append", default=[], metavar="NAME=VALUE", help="for the job; no secrets"
    )
    p.add_argument(
        "--driver-cpus",
        type=float,
        metavar="N",
        help=f"place the driver by CPUs ({DRIVER_CPUS} if the head has none, else on the head)",
    )
    p.add_argument("--no-wait", action="store_true", help="submit only, and print the job's name")
    p.add_argument("--follow", metavar="JOB", help="show a job's log and wait for its end")
    p.add_argument("--stop", metavar="JOB", help="end a job")
    p.add_argument("words", nargs="*", metavar="COMMAND", help="after --: what to run")
    return p


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; its exit code is the submitted command's."""
    options = parser().parse_args(arguments)
    _check(options)
    environment = job_environment(options.env)
    address, token = options.address.rstrip("/"), calls.ray_token()
    calls.reached(address, token)
    if options.stop:
        return _stop(address, token, options.stop)
    if token and not os.environ.get("RAY_AUTH_MODE"):
        os.environ["RAY_AUTH_MODE"] = "token"  # before ray is imported
    if options.follow:
        return _follow(address, token, options.follow)
    job = _submit(address, token, options, environment)
    cli.say(f"submitted {job}\n  follow: {_again(address, 'follow', job)}")
    cli.say(f"  stop:   {_again(address, 'stop', job)}")
    if options.no_wait:
        print(job)
        return cli.DONE
    return _follow(address, token, job)


def _check(options: argparse.Namespace) -> None:
    asked = [bool(options.words), bool(options.follow), bool(options.stop)]
    if sum(asked) != 1:
        raise ConfigError(
            "COMMAND: give one of a command after --, --follow JOB, --stop JOB; "
            "python -m cluster.submit --help explains"
        )
    if options.words and not options.installed and not Path(options.working_dir).is_dir():
        raise ConfigError(f"--working-dir: given {options.working_dir}; allowed: a folder")
    for word in options.words:
        if following.ADDRESS_WITH_PASSWORD.search(word):
            raise ConfigError(
                f"COMMAND: given {cli.hidden(word)}; a password in it is shown to all who may see "
                "jobs; set it in the nodes' environment"
            )


def job_environment(pairs: Sequence[str]) -> dict[str, str]:
    """``NAME=VALUE`` as a dictionary. Raises ``ConfigError`` for what looks like a secret."""
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.isidentifier():
            raise ConfigError(f"--env: given {name}; allowed: NAME=VALUE")
        if following.revealing(name, value):
            raise ConfigError(
                f"--env: given {name}, which looks like a secret; all who may see jobs would see "
                "it; allowed: in the nodes' environment (a Kubernetes Secret, a 0600 file)"
            )
        found[name] = value
    return found


def _again(address: str, what: str, job: str) -> str:
    return shlex.join(["python", "-m", "cluster.submit", f"--address={address}", f"--{what}={job}"])


def _submit(
    address: str, token: str | None, options: argparse.Namespace, environment: dict[str, str]
) -> str:
    """The name of the new job."""
    place = options.driver_cpus
    if place is None and head_without_cpus(address, token):
        place = DRIVER_CPUS
    wanted: dict[str, Any] = {"env_vars": environment} if environment else {}
    if not options.installed:
        wanted["working_dir"] = str(Path(options.working_dir).absolute())
    try:
        job: str = job_client(address).submit_job(
            entrypoint=shlex.join(options.words),
            runtime_env=wanted,
            entrypoint_num_cpus=place or None,
        )
    except (RuntimeError, ValueError) as error:
        raise cli.StoppedError(f"not submitted: {str(error).strip().splitlines()[0]}") from None
    return job


def head_without_cpus(address: str, token: str | None) -> bool:
    """Whether drivers must be placed elsewhere, because the head has no CPU."""
    heads = [one for one in calls.alive(address, token) if one["is_head_node"]]
    return bool(heads) and not heads[0]["resources_total"].get("CPU")


def job_client(address: str) -> Any:
    """Ray's client of the job server, without its chatter."""
    from ray.job_submission import JobSubmissionClient

    for name in NOISY:
        logging.getLogger(f"ray.{name}").setLevel(logging.ERROR)
    return JobSubmissionClient(address)


def _follow(address: str, token: str | None, job: str) -> int:
    """Show and wait -> the job's exit code; 130 when it is we who are interrupted."""
    try:
        found, log = following.follow(
            chunks=partial(_chunks, address, job),
            info=lambda: known(address, token, job),
            show=_show,
            say=cli.say,
            patience=PATIENCE_S,
        )
    except KeyboardInterrupt:
        cli.say(f"\n{job} goes on\n  follow: {_again(address, 'follow', job)}")
        cli.say(f"  stop:   {_again(address, 'stop', job)}")
        return cli.INTERRUPTED
    except cli.StoppedError as error:
        raise cli.StoppedError(f"{error}; follow: {_again(address, 'follow', job)}") from None
    for line in following.ending(job, found, log):
        cli.say(line)
    return following.exit_code(found)


def _show(text: str) -> None:
    print(text, end="", flush=True)


def known(address: str, token: str | None, job: str) -> following.Info | None:
    """What the head knows of a job; None without an answer.

    Raises ``StoppedError`` for a job that it does not know.
    """
    try:
        found: following.Info = calls.ask(
            f"{address}/api/jobs/{job}", headers=calls.bearer(token) if token else {}
        )
    except urllib.error.HTTPError as error:
        if error.code == 404:
            raise cli.StoppedError(
                f"job {job}: the head does not know it (misspelt, or the head lost its state); "
                "submitted again, a study does only what is missing"
            ) from None
        return None
    except (OSError, ValueError):
        return None
    return found


def _chunks(address: str, job: str) -> Iterator[str]:
    """A job's log from its beginning. Raises ``ConnectionError`` where it breaks or falls quiet."""
    try:
        log = job_client(address).tail_job_logs(job)
        with asyncio.Runner() as runner:
            while True:
                yield runner.run(_next(partial(anext, log)))
    except StopAsyncIteration:
        return
    except (
        Exception
    ) as error:  # of aiohttp, requests, asyncio: all mean that it is to be tried anew
        raise ConnectionError(str(error)) from error


async def _next(chunk: Callable[[], Any]) -> str:
    text: str = await asyncio.wait_for(chunk(), QUIET_S)
    return text


def _stop(address: str, token: str | None, job: str) -> int:
    if known(address, token, job) is None:
        raise cli.StoppedError(f"job {job}: {address} does not answer")
    headers = calls.bearer(token) if token else {}
    answer = calls.ask(f"{address}/api/jobs/{job}/stop", headers=headers, method="POST")
    print(f"job {job}: {'stopping' if answer.get('stopped') else 'had ended already'}")
    return cli.DONE


if __name__ == "__main__":
    cli.run(main, module="cluster.submit")
