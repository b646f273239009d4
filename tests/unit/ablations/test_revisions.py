"""What was declared anew since a report is said, whatever was run in between."""

from dataclasses import replace
from typing import Any

from ablations.plan import Plan, make_plan
from ablations.revisions import declared, kept, revisions
from ablations.study import read_study


def planned(
    seeds: int = 10, *, overrides: dict[str, Any] | None = None, regimes: int = 3, **changes: Any
) -> Plan:
    study = read_study("default")
    update = {name: getattr(study, name).model_copy(update=v) for name, v in changes.items()}
    update["regimes"] = dict(list(study.regimes.items())[:regimes])
    return make_plan(study.model_copy(update=update), seeds=seeds, overrides=overrides)


def changes(before: Plan, now: Plan) -> tuple[str, ...]:
    return revisions(kept(None, declared(before)), declared(now))


def test_the_same_study_again_declares_nothing_anew() -> None:
    assert changes(planned(), planned()) == ()
    assert revisions(None, declared(planned())) == ()


def test_a_new_margin_and_other_primary_contrasts_are_named() -> None:
    before = planned()
    now = replace(
        planned(analysis={"margin": 0.02}),
        contrasts=(replace(before.contrasts[0], primary=False), *before.contrasts[1:]),
    )
    assert changes(before, now) == (
        "margin was 0.005 and is 0.02",
        "primary contrasts: taken back cal - joint; added none",
    )


def test_another_configuration_of_a_compared_arm_is_named() -> None:
    """beta was set by hand after a look: joint has none, so its runs are the same."""
    before, now = (
        planned(2, regimes=1, overrides={"cal": {"bottleneck": {"beta": beta}}})
        for beta in (0.03, 0.01)
    )
    assert changes(before, now) == (
        "hw20: cal, metric+bottleneck, reversed-aib, symmetric had another configuration",
    )


def test_seeds_added_after_a_look_are_named_unless_the_looks_were_planned() -> None:
    few, many = planned(4, regimes=1), planned(6, regimes=1)
    assert changes(few, many) == ("hw20: 4 seeds had been looked at before others came (6 now)",)
    looks = {"hw20": (4, 6)}
    assert changes(replace(few, looks=looks), replace(many, looks=looks)) == ()
    assert changes(replace(many, looks=looks), replace(few, looks=looks)) == ()  # given again
    assert changes(replace(few, looks=looks), many) == (
        "hw20: the looks were planned at 4, 6 seeds and are at 6",
    )


def test_seeds_that_are_left_out_are_named() -> None:
    assert changes(planned(6, regimes=1), planned(4, regimes=1)) == (
        "hw20: 2 seeds that had been looked at are left out",
    )


def test_another_budget_of_re_tuning_is_named() -> None:
    plan = planned(2, regimes=1)
    before = kept(None, declared(plan, trials=4))
    assert revisions(before, declared(plan, trials=40)) == (
        "re-tuning was 4 trials of nuisance and is 40 trials of nuisance",
    )


def test_a_report_of_other_regimes_in_between_hides_nothing() -> None:
    """hw20 with 4 seeds, then another regime alone, then hw20 with 6."""
    first = kept(None, declared(planned(4, regimes=1)))
    between = declared(planned(2, regimes=2))
    del between["regimes"]["hw20"]
    second = kept(first, between)
    assert revisions(second, declared(planned(6, regimes=1))) == (
        "hw20: 4 seeds had been looked at before others came (6 now)",
    )


def test_earlier_changes_are_kept() -> None:
    before = kept(None, declared(replace(planned(), revisions=("x",))))
    assert revisions(before, declared(planned())) == ("x",)
