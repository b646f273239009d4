"""Break what a study stands on, at random points, and see whether anything is lost or doubled.

Each repetition runs one study of 30 runs on a lab (head, two nodes, MLflow with accounts, S3, with
the Debian packages PostgreSQL and Redis), by a job whose driver is on a node, and hurts it once. A
job that ends badly is submitted again, as a RayJob's backoffLimit does. In the end the ledger must
hold every run once and the summary must be that of the undisturbed study.
"""

import json
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from ablations.summary import comparable
from cal import cli
from cal.config import ConfigError
from cluster.faults import FAULTS, Fault, Trial
from cluster.lab import databases
from cluster.lab.whole import Lab, lab
from cluster.studies import FULL, SMALL, Job, Scale, job_of, ledger_rows

EXAMPLES = """examples:
  python -m cluster.chaos                               every fault, ten times: hours
  python -m cluster.chaos --faults node,driver --repetitions 2
  python -m cluster.chaos --out chaos.json              what each did; once more: what is missing
  python -m cluster.chaos --small                       no Debian packages, a study of 6 runs

exit codes: 0 nothing lost or doubled, 1 something was, 2 bad input or a package is missing
"""
ATTEMPTS = 6  # of a job that ends badly
DEADLINE_S = 900.0  # of a study, faults and all
ENDED = ("SUCCEEDED", "FAILED", "STOPPED")


@dataclass
class Outcome:
    """What one repetition did. ``recovery_s``: from the fault to the next run that ended or went
    on; ``again_s``: seconds of training done again, by the report.
    """

    fault: str
    repetition: int
    runs: int = 0  # of the study
    at_s: float = 0.0  # of the fault, after the first run began
    seconds: float = 0.0  # of the whole study
    submissions: int = 0
    resumed: int = 0
    preempted: int = 0
    again_s: float = 0.0
    recovery_s: float | None = None
    lost: int = 0
    doubled: int = 0
    same: bool = False
    problem: str = ""

    @property
    def good(self) -> bool:
        """Whether nothing was lost, doubled or changed."""
        return self.same and not (self.lost or self.doubled or self.problem)


def parser() -> cli.Parser:
    """The command line."""
    p = cli.Parser("python -m cluster.chaos", description=__doc__, epilog=EXAMPLES)
    p.add_argument("--faults", type=cli.names, default=tuple(FAULTS), metavar="A,B")
    p.add_argument("--repetitions", type=cli.count, default=10, metavar="N", help="of each (10)")
    p.add_argument("--seed", type=int, default=0, help="of the random points (0)")
    p.add_argument("--small", action="store_true", help="no Debian packages, a study of 6 runs")
    out = "what each repetition did, as JSON; those that it holds are not done again"
    p.add_argument("--out", type=Path, metavar="FILE", help=out)
    return p


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; see ``cal.cli`` for its exit codes."""
    options = parser().parse_args(arguments)
    chosen = [_fault(name) for name in options.faults]
    if options.small:
        chosen = [fault for fault in chosen if not (fault.redis or fault.database)]
    elif lacking := databases.missing():
        packages = " ".join(lacking)
        raise ConfigError(f"chaos: needs Debian packages: apt-get install {packages}; or --small")
    scale = SMALL if options.small else FULL
    outcomes = kept(options.out, scale) if options.out else []
    there = {(outcome.fault, outcome.repetition) for outcome in outcomes}
    wanted = [(f, n) for f in chosen for n in range(1, options.repetitions + 1)]
    left = [(fault, n) for fault, n in wanted if (fault.name, n) not in there]
    for redis in (False, True):
        group = [(fault, n) for fault, n in left if fault.redis == redis]
        for outcome in trials(group, scale, options, redis=redis):
            outcomes.append(outcome)
            print(line(outcome), flush=True)
            if options.out:
                options.out.write_text(json.dumps([asdict(o) for o in outcomes], indent=1))
    print(table(outcomes))
    return cli.DONE if all(outcome.good for outcome in outcomes) else cli.SOME_FAILED


def kept(path: Path, scale: Scale) -> list[Outcome]:
    """What an earlier command did; nothing where there is no file. Raises ``ConfigError`` for one
    that is not its, or of studies of another size.
    """
    if not path.exists():
        return []
    try:
        found = [Outcome(**row) for row in json.loads(path.read_text(encoding="utf-8"))]
    except (ValueError, TypeError, OSError) as error:
        raise ConfigError(f"--out: given {path}; no file of this command ({error})") from None
    if other := {outcome.runs for outcome in found} - {scale.runs}:
        sizes = ", ".join(map(str, sorted(other)))
        raise ConfigError(
            f"--out: given {path}; it holds studies of {sizes} runs, these have {scale.runs}: give "
            "another file"
        )
    return found


def _fault(name: str) -> Fault:
    if name not in FAULTS:
        raise ConfigError(f"--faults: given {name}; allowed: {', '.join(FAULTS)}")
    return FAULTS[name]


def trials(
    wanted: Sequence[tuple[Fault, int]], scale: Scale, options: Any, *, redis: bool
) -> Iterator[Outcome]:
    """Each fault and number of its repetition in turn on one lab, after the undisturbed study that
    they are held against.
    """
    if not wanted:
        return
    with lab(database=not options.small, redis=redis, say=cli.say) as place:
        with job_of(place, "undisturbed", scale) as job:
            reference, outcome = undisturbed(job)
        print(line(outcome), flush=True)
        for fault, repetition in wanted:
            name = f"{fault.name}-{repetition}"
            dice = random.Random(f"{options.seed} {name}")
            with job_of(place, name, scale, fault) as job:
                at = dice.uniform(0.0, outcome.seconds)
                yield disturbed(job, fault, repetition, at, reference, dice)


def undisturbed(job: Job) -> tuple[dict[str, Any], Outcome]:
    """The summary that all others must equal, and how long its runs take. Raises ``StoppedError``
    where even this does not work.
    """
    job.submit()
    begun = _first(job)
    finish(job)
    outcome = Outcome("none", 0, job.scale.runs, submissions=job.submitted)
    outcome.seconds = time.monotonic() - begun
    found = judged(job, outcome, None)
    if found is None or outcome.lost or outcome.doubled:
        raise cli.StoppedError(f"the undisturbed study failed: {outcome}; {_tail(job)}")
    outcome.same = True
    return found, outcome


def disturbed(
    job: Job,
    fault: Fault,
    repetition: int,
    at: float,
    reference: Mapping[str, Any],
    dice: random.Random,
) -> Outcome:
    """One repetition: the fault comes ``at`` seconds after the first run began, or earlier where
    the study would else be over.
    """
    outcome = Outcome(fault.name, repetition, job.scale.runs)
    job.submit()
    begun = _first(job)
    while time.monotonic() - begun < at and job.look() not in ENDED and not _ending(job):
        time.sleep(0.2)
    outcome.at_s = time.monotonic() - begun
    hit = time.time()
    where = Path(job.home) if fault.folder else job.folder
    trial = Trial(job.place, dice, job.driver, lambda: job.look() in ENDED, where)
    try:
        fault.inject(trial)
        finish(job)
        judged(job, outcome, reference)
    except (cli.StoppedError, OSError) as error:
        outcome.problem = f"{error}"[:300]
    outcome.seconds = time.monotonic() - begun
    outcome.submissions = job.submitted
    outcome.recovery_s = _recovery(job, hit)
    _heal(job.place)
    return outcome


def _first(job: Job) -> float:
    """Wait until a run was handed to a worker -> when, in monotonic seconds."""
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        if any(event["event"] == "started" for event in job.events()):
            return time.monotonic()
        if job.look() in ENDED:
            break
        time.sleep(0.2)
    raise cli.StoppedError(f"no run began: {_tail(job)}")


def _ending(job: Job) -> bool:
    """Whether most runs have ended: a later fault would find nothing to break."""
    ended = sum(event["event"] == "finished" for event in job.events())
    return ended >= job.scale.runs - 1


def finish(job: Job) -> None:
    """Until the study is done, submitted again if its job ends badly. Raises ``StoppedError``."""
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        status = job.look()
        if status == "SUCCEEDED":
            return
        # A head with Redis may say RUNNING of a job whose driver is gone.
        dead = status in ("RUNNING", "GONE") and job.driver() is None and _silent(job)
        if status in ENDED or dead:
            if job.submitted >= ATTEMPTS:
                raise cli.StoppedError(f"{ATTEMPTS} submissions ended badly: {_tail(job)}")
            with suppress(OSError):
                job.submit()
        time.sleep(0.5)
    raise cli.StoppedError(f"not done in {DEADLINE_S:.0f} s: {_tail(job)}")


def _silent(job: Job) -> bool:
    """Whether it stays without a driver for some seconds: one may just be starting."""
    for _ in range(20):
        time.sleep(0.5)
        if job.driver() is not None:
            return False
    return job.look() not in ("PENDING", "SUCCEEDED")


def judged(
    job: Job, outcome: Outcome, reference: Mapping[str, Any] | None
) -> dict[str, Any] | None:
    """Fill in what ledger and report say -> the summary without what may differ."""
    rows = ledger_rows(job)
    hashes = [row["cal.hash"] for row in rows if row["status"] == "FINISHED"]
    outcome.lost = job.scale.runs - len(set(hashes))
    outcome.doubled = len(rows) - len({row["cal.hash"] for row in rows})
    text = (job.out / "summary.json").read_text(encoding="utf-8")
    summary = json.loads(text.replace(job.name, "STUDY"))
    found = comparable(summary)
    for regime in summary["provenance"]["interruptions"].values():
        for arm in regime.values():
            outcome.resumed += arm["resumed"]
            outcome.preempted += arm["preempted"]
            outcome.again_s += arm["lost_s"]
    outcome.same = reference is None or found == reference
    return found


def _recovery(job: Job, hit: float) -> float | None:
    """Seconds from the fault to the next run that ended or went on."""
    for event in job.events():
        when = datetime.fromisoformat(event["time"]).timestamp()
        if when > hit and event["event"] in ("finished", "resumed"):
            return when - hit
    return None


def _heal(place: Lab) -> None:
    """The next repetition finds everything alive."""
    for service in place.services:
        if not service.alive:
            service.kill()
            service.start()


def _tail(job: Job) -> str:
    """The end of what it said."""
    said = []
    for name in ("events", "output"):
        with suppress(OSError):
            said.append((job.folder / name).read_text(errors="replace")[-600:])
    return f"{dict(job.info).get('message', '')} {' '.join(said)}"


def line(outcome: Outcome) -> str:
    """One repetition, as progress."""
    verdict = "good" if outcome.good else f"BAD {outcome.problem}"
    return (
        f"{outcome.fault} {outcome.repetition}: {verdict}; at {outcome.at_s:.0f} of "
        f"{outcome.seconds:.0f} s, {outcome.submissions} submission(s), {outcome.resumed} resumed, "
        f"{outcome.again_s:.1f} s again, lost {outcome.lost}, doubled {outcome.doubled}, "
        f"{'same' if outcome.same else 'OTHER'} summary"
    )


def table(outcomes: Sequence[Outcome]) -> str:
    """Markdown: one row a fault."""
    rows = [
        "| fault | times | lost | doubled | same summary | recovered after, s | trained again, s |"
    ]
    rows.append("|---|---|---|---|---|---|---|")
    for name in FAULTS:
        found = [outcome for outcome in outcomes if outcome.fault == name]
        if not found:
            continue
        rows.append(
            f"| {FAULTS[name].title} | {len(found)} | {sum(o.lost for o in found)} | "
            f"{sum(o.doubled for o in found)} | {sum(o.same for o in found)} | "
            f"{_range(o.recovery_s for o in found)} | {_range(o.again_s for o in found)} |"
        )
    return "\n".join(rows)


def _range(values: Iterator[float | None]) -> str:
    """Median, and the greatest."""
    found = [value for value in values if value is not None]
    return f"{median(found):.1f} (at most {max(found):.1f})" if found else "-"


if __name__ == "__main__":
    cli.run(main, module="cluster.chaos")
