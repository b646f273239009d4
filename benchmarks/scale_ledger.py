"""The ledger in PostgreSQL with many runs: what a driver that begins reads, what one look-up by
hash costs and by which index, and what writing one more run costs.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg2

from benchmarks.scale import CONDITIONS, KINDS, Figures, timed
from cal.adapters.tracking import Data, Seed, Variant, open_ledger
from cal.adapters.tracking_ledger import Ledger
from cal.config import parse
from cal.records import Epoch, Result
from cluster.lab.databases import postgres
from cluster.lab.processes import scratch

CURVES = 40  # metrics of an epoch
COPIED = 50_000  # rows of one statement
WHOLE = 10_000  # runs up to which params and metrics are copied too; beyond, what look-ups read
SETTINGS = ("fsync=off", "shared_buffers=512MB", "max_wal_size=4GB")
TAGS = """
insert into tags (key, value, run_uuid)
select key, case key when 'cal.hash' then {key} when 'cal.seed' then n::text else value end, {key}
from tags, generate_series(%(low)s, %(high)s) n where run_uuid = %(run)s
"""
TABLES = (
    "insert into params (key, value, run_uuid) select key, value, {key} from params,"
    " generate_series(%(low)s, %(high)s) n where run_uuid = %(run)s",
    "insert into latest_metrics (key, value, timestamp, step, is_nan, run_uuid)"
    " select key, value, timestamp, step, is_nan, {key} from latest_metrics,"
    " generate_series(%(low)s, %(high)s) n where run_uuid = %(run)s",
)
RUNS = """
insert into runs (run_uuid, name, status, start_time, end_time, lifecycle_stage, artifact_uri,
                  experiment_id, source_type, user_id)
select {key}, name, status, start_time + n, end_time + n, lifecycle_stage, artifact_uri,
       experiment_id, source_type, user_id
from runs, generate_series(%(low)s, %(high)s) n where run_uuid = %(run)s
"""
KEY = "md5(n::text)"
LOOK_UP = """
explain (analyze, format json) select r.run_uuid from runs r join tags t on t.run_uuid = r.run_uuid
where r.experiment_id = %s and t.key = 'cal.hash' and t.value = %s
"""
INDEX = "create index cal_hash on tags (value) where key = 'cal.hash'"


def written(ledger: Ledger, number: int) -> str:
    """One run of ten epochs, as a study writes it."""
    seed = Seed(f"own-{number}", "r", parse({"seed": number}), ("cal",), Data("hw", "d" * 64))
    run_id = ledger.start(seed)
    names = [f"curve/{i}" for i in range(CURVES)]
    ledger.log(run_id, [Epoch(e, 10, e, dict.fromkeys(names, 1 / e)) for e in range(1, 11)])
    ledger.finish(run_id, Result({f"test/{c}/{k}": 0.5 for c in CONDITIONS for k in KINDS}))
    return run_id


def copied(cursor: Any, run_id: str, runs: int) -> None:
    """Copies of a run, with hashes and ids that are md5 of their number; of more than ``WHOLE``
    without params and metrics, 12 kB a run.
    """
    for low in range(1, runs + 1, COPIED):
        given = {"run": run_id, "low": low, "high": min(low + COPIED - 1, runs)}
        for text in (RUNS, TAGS, *(TABLES if runs <= WHOLE else ())):
            cursor.execute(text.format(key=KEY), given)
    cursor.execute("analyze")


def nodes(plan: dict[str, Any]) -> list[str]:
    """How PostgreSQL goes about it, by table: ``Index Scan tag_pk``."""
    own = " ".join(str(plan[k]) for k in ("Node Type", "Index Name", "Relation Name") if k in plan)
    return [own, *(word for part in plan.get("Plans", ()) for word in nodes(part))]


def explained(cursor: Any, experiment: str, key: str) -> tuple[float, Sequence[str]]:
    """ms in the database, and what it did."""
    cursor.execute(LOOK_UP, (int(experiment), key))
    ((found,),) = cursor.fetchall()
    return found[0]["Execution Time"], nodes(found[0]["Plan"])


@contextmanager
def store() -> Iterator[tuple[str, str]]:
    """A PostgreSQL of its own, its address and a folder for artifacts; both go at the end."""
    with scratch() as folder:
        folder.chmod(0o711)  # PostgreSQL may run as a user of its own
        with postgres(folder / "pg", settings=SETTINGS) as server:
            yield server.client["MLFLOW_URI"], str(folder / "artifacts")


def measured(runs: int) -> Figures:
    """All figures, and the two plans of the look-up on standard error."""
    found: Figures = {"runs": runs}
    with store() as (uri, folder):
        with open_ledger(uri, artifacts=folder) as ledger:
            ledger.begin("s", regimes={"r": "t"}, variants=[Variant("cal")])
            with timed(found, "write a run, of 20 into an empty store"):
                first = [written(ledger, n) for n in range(20)][0]
            experiment = ledger.experiments("s")["r"]
        database = psycopg2.connect(uri.replace("+psycopg2", ""))
        database.autocommit = True
        cursor = database.cursor()
        cursor.execute("select count(*) from latest_metrics where run_uuid = %s", (first,))
        found["metrics a run"] = cursor.fetchone()[0]
        with timed(found, "insert by SQL"):
            copied(cursor, first, runs)
        key = first_hash(cursor, experiment)
        with open_ledger(uri, artifacts=folder) as ledger:
            if runs <= WHOLE:
                found |= begun(ledger, key)
            query, start = f"tags.`cal.hash` = '{key}'", time.perf_counter()
            assert len(ledger.client.search_runs([experiment], query)) == 1
            found["look-up by MLflow, ms"] = round(1e3 * (time.perf_counter() - start), 1)
        for name in ("as MLflow has it", "with an index on the hash"):
            ms, plan = min(explained(cursor, experiment, key) for _ in range(3))
            found[f"look-up in SQL {name}, ms"] = ms
            found[f"plan {name}"] = "; ".join(plan)  # type: ignore[assignment]
            if name == "as MLflow has it":
                cursor.execute(INDEX)
                cursor.execute("analyze tags")
        cursor.execute("select pg_database_size(current_database())")
        found["database, GB"] = round(cursor.fetchone()[0] / 1e9, 2)
        database.close()
    for name in [name for name in found if "of 20" in name]:
        found[name] = round(found[name] / 20, 3)
    return found


def begun(ledger: Ledger, key: str) -> Figures:
    """A driver that takes the study up, and writes on."""
    found: Figures = {}
    with timed(found, "begin"):
        ledger.begin("s", regimes={"r": "t"}, variants=[Variant("cal")])
    start = time.perf_counter()
    assert ledger.find("r", key) is not None
    found["look-up of the driver, us"] = round(1e6 * (time.perf_counter() - start), 1)
    with timed(found, "write a run, of 20 into the full store"):
        for number in range(100, 120):
            written(ledger, number)
    return found


def first_hash(cursor: Any, experiment: str) -> str:
    cursor.execute(
        "select value from tags join runs using (run_uuid) where key = 'cal.hash' and"
        " experiment_id = %s and value not like 'own%%' limit 1",
        (int(experiment),),
    )
    return str(cursor.fetchone()[0])
