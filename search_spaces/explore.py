"""A search: ask, train in packs or by Ray Tune, confirm on fresh seeds, tell.

Give the command again after any interruption, or with more trials: it does only what is missing.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cal import cli, home
from cal.config import Config, ConfigError, assignments
from search_spaces.options import parser
from search_spaces.searched import Search, read_search
from search_spaces.seeds import FIRST_SEED

if TYPE_CHECKING:
    from cal.adapters.ray_backend import Backend
    from cal.adapters.tracking_ledger import Ledger
    from search_spaces.arm import Arm
    from search_spaces.confirm import Finalist

STUDY = "search/{}"
ON_CPU, ON_GPU = (8, 10), (64, 4)
"""Trials under way: at most so many for each place, and one of so many of all. More fill packs, of
which a GPU's are faster the larger (an H100 had told 97 of 240 trials after 160 s with 24 under
way, and 227 after 190 s with 96); fewer let the sampler learn more often.
"""
Tree = dict[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; see ``cal.cli`` for its exit codes."""
    options = parser().parse_args(arguments)
    begun = time.monotonic()
    search = read(options)
    for line in described(search):
        print(line, flush=True)
    if options.dry_run:
        return cli.DONE
    out = home.resolve(options.out)
    from cal.adapters.tracking import open_ledger
    from evidence.writing import check_out
    from search_spaces.confirm import EXPERIMENT
    from search_spaces.opened import open_arms, storage_of

    where = storage_of(search.name, given=options.storage)
    uri = home.tracking_uri()
    print(
        f"ledger {cli.hidden(uri)}\nstorage {cli.hidden(where)}\nreport goes to {out}", flush=True
    )
    check_out(out)
    with open_ledger(uri, artifacts=home.artifacts(), progress=cli.say) as ledger:
        titles = {"": search.title, EXPERIMENT: f"Confirmation on the report part: {search.title}"}
        ledger.begin(STUDY.format(search.name), regimes=titles, title=search.title)
        arms, warm = open_arms(search, where, ledger, warm=options.warm_start)
        with Place(search, options) as place:
            place.explore(arms, ledger)
            found, confirmed = place.confirm(arms, ledger)
            words = place.stopping()
            tree = told(
                search, arms, ledger, found, confirmed, warm, begun=begun, out=out, stopping=words
            )
        pages = ledger.view()
    return shown(tree, pages, out)


def read(options: argparse.Namespace) -> Search:
    """What was asked, checked as a whole. Raises ``ConfigError``, a line a fault."""
    from search_spaces.samplers import make_sampler

    search = read_search(
        space=options.space,
        config=options.config,
        changes=assignments(options.assignments),
        name=options.name,
        against=options.against,
        objectives=options.objective,
        scheduler=options.scheduler,
        sampler=options.sampler,
        seeds=options.seeds,
        trials=options.trials,
    )
    make_sampler(options.sampler, seed=0, objectives=len(search.objectives))
    if options.confirm_seeds > FIRST_SEED:
        raise ConfigError(
            f"--confirm-seeds: given {options.confirm_seeds}; allowed: 1 to {FIRST_SEED}, since a "
            "search uses those above"
        )
    return search


def described(search: Search) -> list[str]:
    """What will be searched, a line each."""
    aims = ", ".join(o.title for o in search.objectives)
    names = ", ".join(arm.name for arm in search.arms)
    epochs = search.base.train.epochs * len(search.seeds) * search.trials
    return [
        f"search {search.name}: {search.title}; {len(search.main.dimensions)} fields, aim: {aims}",
        f"arms {names}: {search.trials} trials each, {len(search.seeds)} seeds at most, "
        f"{search.sampler}, {search.scheduler.name}; at most {epochs} epochs an arm",
    ]


class Place:
    """Where runs are trained: the cluster of one command."""

    def __init__(self, search: Search, options: argparse.Namespace) -> None:
        self.search, self.options = search, options
        self._backend: Backend | None = None

    def __enter__(self) -> "Place":
        return self

    def __exit__(self, *_: object) -> None:
        if self._backend is not None:
            from cal.adapters import ray_cluster

            ray_cluster.disconnect()

    def backend(self) -> "Backend":
        """Connect, once, and choose. Raises ``ConfigError`` for what the cluster cannot hold."""
        from cal.adapters import ray_backend

        if self._backend is None:
            configs = [arm.base for arm in self.search.arms]
            self._backend = ray_backend.connected(configs, self._asked(), settled=self._shared)
        return self._backend

    def _asked(self) -> "Backend":
        from cal.adapters.ray_backend import Backend

        given = self.options
        return Backend(given.backend, given.workers, given.gpus_per_run)

    def _shared(self, chosen: "Backend") -> "Backend":
        """Runs that go alone share a GPU by measured memory, unless told how much to take."""
        from cal.adapters import ray_sizing

        if self.options.gpus_per_run is not None:
            return chosen
        chosen, line = ray_sizing.shared(self.search.main.base, chosen)
        if line:
            cli.say(line)
        return chosen

    def stopping(self) -> str:
        """What stops early, in words: on Ray Tune it is Tune's own scheduler."""
        from cal.adapters.ray_backend import choose
        from search_spaces import tuned

        configs = [arm.base for arm in self.search.arms]
        packed = choose(configs, self._asked(), devices=0).name == "packed"
        return self.search.scheduler.words if packed else tuned.words(self.search.scheduler)

    def explore(self, arms: Sequence["Arm"], ledger: "Ledger") -> None:
        """All trials that the storage lacks."""
        from cal.footprint import parameters
        from search_spaces.book import Book
        from search_spaces.progress import Progress

        for arm in arms:
            arm.restore()
        if all(arm.told >= max(arm.most, len(arm.trials)) for arm in arms):
            return
        backend = self.backend()
        asked = any(o.name == "parameters" for o in self.search.objectives)
        counts = parameters if asked else None
        done = {arm.name: arm.told for arm in arms}
        most = {arm.name: max(arm.most, len(arm.trials)) for arm in arms}
        with Progress(self.search.objectives, most, done=done) as progress:
            book = Book(ledger, progress, folder=home.checkpoints())
            if backend.name == "packed":
                self._packed(arms, book, backend, counts)
            else:
                from search_spaces.tuned import run

                folder = home.checkpoints()
                run(arms, book, backend=backend, folder=folder, parameters=counts)

    def _packed(
        self,
        arms: Sequence["Arm"],
        book: Any,
        backend: "Backend",
        parameters: "Callable[[Config], int] | None",
    ) -> None:
        from cal.adapters import ray_backend, ray_sizing
        from cal.adapters.ray_pool import Pool
        from cal.runs import Run
        from search_spaces.engine import Engine, Packing

        config = self.search.main.base
        cli.say("how many runs to train at once is being measured")
        (_, size), *_ = ray_sizing.sizes_of([Run("", "", 0, config, ())], backend)
        cli.say(f"packs of {size.target} to {size.largest}: {size.why}")
        places = ray_backend.places(backend)
        all_trials = sum(arm.most for arm in arms)
        each, share = ON_GPU if backend.gpus else ON_CPU
        few = max(2 * places, min(each * places, all_trials // share))
        under_way = self.options.batch or few
        packing = Packing(
            size.target,
            size.largest,
            under_way,
            home.checkpoints(),
            backend.checkpoint_s,
            places,
        )
        Engine(arms, Pool(backend), book, packing, parameters=parameters).run()

    def confirm(
        self, arms: Sequence["Arm"], ledger: "Ledger"
    ) -> tuple[list["Finalist"], Tree | None]:
        """Train the finalists on fresh seeds, where the ledger lacks them; how they did."""
        from search_spaces import confirm

        found = confirm.finalists(self.search, arms, most=self.options.confirm)
        if not found:
            return [], None
        seeds = list(range(self.options.confirm_seeds))
        runs = confirm.runs_of(found, seeds)
        from cal.adapters.tracking import Variant

        for one in found:
            variant = Variant(one.name, one.title, one.config.method)
            ledger.add_variant(confirm.EXPERIMENT, variant)
        missing = [run for run in runs if not ledger.finished(confirm.EXPERIMENT, run.hash)]
        if missing:
            self._train(missing, ledger, done=len(runs) - len(missing))
        keys = {(name, run.seed): run.hash for run in runs for name in run.arms}
        values = {
            one.name: {
                c: confirm.accuracies(one.name, c, seeds, keys, ledger) for c in confirm.CONDITIONS
            }
            for one in found
        }
        for one in found:
            hashes = [keys[one.name, seed] for seed in seeds]
            ledger.aggregate(confirm.EXPERIMENT, one.name, hashes=hashes)
        classes = arms[0].rules.classes
        return found, confirm.confirmed(found, seeds, values, classes=classes)

    def _train(self, runs: Sequence[Any], ledger: "Ledger", *, done: int) -> None:
        from cal import units
        from cal.adapters import ray_backend, ray_sizing
        from cal.adapters.ray_execute import execute
        from cal.progress import Progress

        backend = self.backend()
        places = ray_backend.places(backend)
        work: list[units.Unit] = [(run,) for run in runs]
        if backend.name == "packed":
            sizes = dict(ray_sizing.sizes_of(runs, backend))
            work = units.packed(runs, sizes, places=places)
        with Progress(runs, done=done, places=places) as progress:
            execute(work, ledger, backend=backend, listeners=[progress])


def told(
    search: Search,
    arms: Sequence["Arm"],
    ledger: "Ledger",
    found: Sequence["Finalist"],
    confirmed: Tree | None,
    warm: Sequence[Tree],
    *,
    begun: float,
    out: Path,
    stopping: str,
) -> Tree:
    """Everything that tells of the search: report, best.yaml, the ledger's report run."""
    from evidence.writing import provenance_of, write_files
    from search_spaces.best import best_yaml
    from search_spaces.tree import tree_of
    from search_spaces.understanding import understood
    from search_spaces.wording import note, verdict
    from search_spaces.writing import write_report

    rows = {row.hash: row.run_id for row in ledger.entries("").values()}
    tree = tree_of(
        search,
        arms,
        confirmed=confirmed,
        warm=warm,
        warnings=[],
        rows=rows,
        provenance=provenance_of(command=cli.command("search_spaces.explore"), git=[ledger.git]),
        wall_s=time.monotonic() - begun,
        stopping=f"{stopping}; the default configuration is never stopped",
    )
    cli.say("which fields matter, and the report")
    tree = understood(tree)
    tree["verdict"] = list(verdict(tree))
    names = list(write_report(tree, out=out))
    if found:
        write_files(out, {"best.yaml": best_yaml(found[0], tree).encode()})
        names.append("best.yaml")
    ledger.report({name: out / name for name in names}, note=note(tree))
    return tree


def shown(tree: Tree, pages: Sequence[Any], out: Path) -> int:
    """The answer on the terminal, and where everything is."""
    for sentence in tree["verdict"]:
        print(sentence)
    print(f"report: {out / 'report.html'}")
    if tree["confirmed"]:
        print(f"best: {out / 'best.yaml'} (python -m cal.train --config, ablations.full --config)")
    store = cli.hidden(home.tracking_uri())
    if store.startswith("http"):
        print("MLflow:", *(page.at(store) for page in pages), sep="\n  ")
    else:
        print("MLflow: `make ui` serves it and prints the address of each page")
    failed = any(t["status"] == "failed" for arm in tree["arms"] for t in arm["trials"])
    return cli.SOME_FAILED if failed else cli.DONE


if __name__ == "__main__":
    cli.run(main, module="search_spaces.explore")
