"""Evidence -> the plain tree of summary.json (docs/summary.md): the report's numbers. Pure."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ablations import published, wording
from ablations.conditions import CONDITIONS, metric
from ablations.rows import Row
from ablations.summary.contrasts import contrast, lines
from ablations.summary.counts import broken, counts, interrupted, intervals, timings
from ablations.summary.effects import brief, effects, judged, verdict_of
from ablations.summary.evidence import Evidence, questions
from ablations.summary.factorial import factorial
from ablations.summary.family import Decision, Key, Question, decide
from ablations.summary.leaders import leader_boards
from ablations.summary.regimes import over_regimes
from ablations.summary.robustness import robustness
from ablations.summary.samples import Samples
from ablations.summary.splits import described
from ablations.summary.sweeps import sweeps
from ablations.summary.tuning import tuning
from ablations.summary.variants import sample, variant
from ablations.wording.leaders import cautions, standings
from evidence.statistics import LEVEL

if TYPE_CHECKING:
    from ablations.plan import Plan
    from ablations.tuning import Outcome

SCHEMA_VERSION = 2
Tree = dict[str, Any]
Decisions = Mapping[Key, Decision]


def summarise(
    plan: "Plan",
    rows: Sequence[Row],
    *,
    runs: Mapping[str, Samples] | None = None,
    provenance: Mapping[str, Any] | None = None,
    outcome: "Outcome | None" = None,
) -> Tree:
    """The tree of summary.json alone; see ``analyse``."""
    return analyse(plan, rows, runs=runs, provenance=provenance, outcome=outcome)[0]


def analyse(
    plan: "Plan",
    rows: Sequence[Row],
    *,
    runs: Mapping[str, Samples] | None = None,
    provenance: Mapping[str, Any] | None = None,
    outcome: "Outcome | None" = None,
) -> tuple[Tree, list[Tree]]:
    """The tree of summary.json, and the rows of effects.csv.

    ``runs``: hash -> what the run got right, sample by sample. ``outcome``: of re-tuning. What may
    change between equal studies is in ``provenance``, and run ids are in ``traces``. Raises
    ``ValueError`` for a seed that comes twice, or a row the plan does not know.
    """
    evidence = Evidence.of(plan, rows, runs or {})
    asked = questions(evidence)
    decisions = decide(asked)
    regimes, table = {}, list[Tree]()
    for name in plan.regimes:
        contrasts, found = _contrasts(evidence, name, decisions)
        regimes[name] = _regime(evidence, name, outcome) | {"contrasts": contrasts}
        table += found
    tree: Tree = {
        "schema_version": SCHEMA_VERSION,
        "study": plan.study,
        "title": plan.title,
        "level": LEVEL,
        **{key: getattr(plan.analysis, key) for key in ("alpha", "margin", "power", "metric")},
        "design": _design(plan),
        "split": described(evidence.splits),
        "family": _family(plan, asked),
        "selection": _selection(plan),
        "sequential": _sequential(plan),
        "arms": [arm.name for arm in plan.arms],
        "factors": list(plan.factors),
        "regime_order": list(plan.regimes),
        "references": evidence.references,
        "regimes": regimes,
        "over_regimes": over_regimes(asked),
        "leader_board": {"boards": leader_boards(evidence)} if plan.analysis.leader_board else None,
        "published": published.judged(plan),
        "runs": counts(rows),
        "failed": broken(plan, rows, ("FAILED",)),
        "unfinished": broken(plan, rows, ("RUNNING", "MISSING")),
        "intervals": intervals(regimes),
        "provenance": {
            **(provenance or {}),
            "timings": timings(evidence),
            "interruptions": interrupted(evidence),
        },
    }
    return told(tree), table


def told(tree: Tree) -> Tree:
    """The tree with its sentences: every one is made of its numbers."""
    for regime in tree["regimes"].values():
        regime["answer"] = wording.answer(regime, references=tree["references"])
        regime["limits"] = wording.limits(regime)
    boards = tree["leader_board"]
    if boards is not None:
        for board in boards["boards"]:
            board["answer"] = standings(tree, board)
        boards["limits"] = cautions(tree, boards["boards"])
    tree["headline"] = wording.headline(tree)
    return tree | {"verdict": wording.verdict(tree), "methods": wording.methods(tree)}


def words(plan: "Plan", rows: Sequence[Row], runs: Mapping[str, Samples]) -> dict[Key, str]:
    """Verdict of each primary comparison: all that the search for enough seeds needs."""
    asked = questions(Evidence.of(plan, rows, runs))
    decisions = decide(asked)
    found = {}
    for question in asked:
        tree = judged(question.pairs, question.name, question.rules)
        found[question.key] = str(_settled(tree, decisions[question.key])["verdict"])
    return found


def comparable(summary: Mapping[str, Any]) -> Tree:
    """The summary without timings, dates, versions and run ids: what two executions share."""
    kept = {key: value for key, value in summary.items() if key != "provenance"}
    kept["regimes"] = {
        name: {**regime, "variants": {a: _traceless(v) for a, v in regime["variants"].items()}}
        for name, regime in summary["regimes"].items()
    }
    return kept


def _traceless(variant: Mapping[str, Any]) -> Tree:
    return {key: value for key, value in variant.items() if key != "traces"}


def _contrasts(
    evidence: Evidence, regime: str, decisions: Decisions
) -> tuple[list[Tree], list[Tree]]:
    """The declared contrasts in one regime, and their rows of effects.csv."""
    plan, rules = evidence.plan, evidence.rules[regime]
    trees, table = [], list[Tree]()
    for declared in plan.contrasts:
        a, b = (evidence.cell(regime, arm) for arm in (declared.arm, declared.reference))
        same = declared.reference in evidence.same(regime, declared.arm)
        size = len(decisions)
        tree, found = contrast(declared, a, b, evidence.runs, rules, same=same, family=size)
        for condition in plan.analysis.conditions:
            effect = found.get(metric(condition, plan.analysis.metric))
            decision = decisions.get((regime, declared.name, condition))
            if decision is not None and effect is not None:
                effect |= _settled(effect, decision)
        trees.append(tree)
        table += lines(plan.study, regime, declared, found)
    return trees, table


def _settled(tree: Tree, decision: Decision) -> Tree:
    """A primary effect with its verdict over the family."""
    numbers = {
        "p_adjusted": _number(decision.different),
        "p_equivalent_adjusted": _number(decision.equivalent),
    }
    if tree["p"] is None:
        return tree | numbers
    found = verdict_of(tree, decision.different, decision.equivalent)
    reason = tree["reason"]
    if found != tree["verdict"]:
        reason = reason or f"alone it would be {tree['verdict']}: not settled over the family"
    return tree | numbers | {"verdict": found, "reason": reason}


def _number(value: float) -> float | None:
    return None if value != value else value


def _regime(evidence: Evidence, regime: str, outcome: "Outcome | None") -> Tree:
    plan, split = evidence.plan, evidence.splits[regime]
    by_on = {
        frozenset(f for f, on in arm.switches.items() if on): evidence.cell(regime, arm.name)
        for arm in plan.arms
        if arm.switches
    }
    return {
        "title": plan.titles.get(regime, ""),
        "data": next((run.config.data.name for run in plan.runs if run.regime == regime), ""),
        "seeds": list(plan.seeds[regime]),
        "samples": split.samples,
        "classes": split.classes if split.samples else None,
        "variants": {arm.name: _variant(evidence, regime, arm.name) for arm in plan.arms},
        "factorial": factorial(
            by_on, plan.factors, evidence.rules[regime], fraction=plan.design.kind == "fractional"
        ),
        "robustness": robustness(evidence, regime),
        "sweeps": sweeps(evidence, regime),
        "tuning": tuning(evidence, regime, outcome),
    }


def _variant(evidence: Evidence, regime: str, name: str) -> Tree:
    plan, rules = evidence.plan, evidence.rules[regime]
    arm = next(arm for arm in plan.arms if arm.name == name)
    cell, same = evidence.cell(regime, name), evidence.same(regime, name)
    tree = variant(arm, regime, cell, evidence.runs, rules.level)
    tree |= {"same_runs_as": same, "uses_probe": _uses_probe(plan, regime, name)}
    names = [metric(condition) for condition in CONDITIONS]
    versus = {
        r: effects(cell, evidence.cell(regime, r), names, rules=rules, same=r in same)
        for r in evidence.references
        if r != name
    }
    for condition in CONDITIONS:
        against = {r: brief(found[metric(condition)]) for r, found in versus.items()}
        tree[condition] = sample(cell, metric(condition), rules.level) | {"versus": against}
    return tree


def _uses_probe(plan: "Plan", regime: str, arm: str) -> bool:
    """Whether the metric acts in the arm: it has the probe's labels beside those of training."""
    own = set(plan.arm_hashes(regime, arm))
    runs = [run for run in plan.runs if run.regime == regime and run.hash in own]
    return any(run.config.mechanisms.contribution.enabled for run in runs)


def _design(plan: "Plan") -> Tree:
    d = plan.design
    return {
        "kind": d.kind,
        "resolution": d.resolution,
        "generators": list(d.generators),
        "aliases": [list(words) for words in d.aliases],
    }


def _family(plan: "Plan", asked: Sequence[Question]) -> Tree:
    scope = "every primary contrast in every regime, under every declared condition"
    if plan.omitted:
        scope += f"; without the study's regimes {', '.join(plan.omitted)}, which are left out here"
    return {
        "size": len(asked),
        "scope": scope,
        "procedure": "Holm's step-down over both questions of each comparison (Shaffer 1986)",
        "tests": [list(question.key) for question in asked],
        "revisions": list(plan.revisions),
    }


def _selection(plan: "Plan") -> list[str]:
    """How the epoch of a run is chosen: ``last``, or ``test-best`` as some released codes do."""
    return sorted({run.config.evaluate.selection for run in plan.runs})


def _sequential(plan: "Plan") -> Tree | None:
    if not plan.looks:
        return None
    looks = {regime: list(numbers) for regime, numbers in plan.looks.items()}
    first = next(iter(looks.values()))
    return {
        "looks": looks,
        "max_seeds": max(numbers[-1] for numbers in looks.values()),
        "block": first[1] - first[0] if len(first) > 1 else 0,
        "taken": {regime: len(plan.seeds[regime]) for regime in looks},
    }
