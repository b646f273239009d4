"""What was declared anew once results were there is said."""

from dataclasses import replace
from typing import Any

from ablations.plan import Plan, make_plan
from ablations.revisions import revisions
from ablations.study import read_study


def planned(seeds: int = 10, **changes: Any) -> Plan:
    study = read_study("default")
    update = {name: getattr(study, name).model_copy(update=v) for name, v in changes.items()}
    return make_plan(study.model_copy(update=update), seeds=seeds)


def test_the_same_study_again_declares_nothing_anew() -> None:
    assert revisions(planned(), planned()) == ()


def test_a_new_margin_and_other_primary_contrasts_are_named() -> None:
    before = planned()
    now = replace(
        planned(analysis={"margin": 0.02}),
        contrasts=(replace(before.contrasts[0], primary=False), *before.contrasts[1:]),
    )
    assert revisions(before, now) == (
        "margin was 0.005 and is 0.02",
        "primary contrasts: taken back cal - joint; added none",
    )


def test_seeds_added_after_a_look_are_named_unless_the_looks_were_planned() -> None:
    few, many = planned(4), planned(6)
    hw20 = next(line for line in revisions(few, many) if line.startswith("hw20"))
    assert hw20 == "hw20: 4 seeds had been looked at before the others were added (6 now)"
    looks = dict.fromkeys(few.regimes, (4, 6))
    assert revisions(replace(few, looks=looks), replace(many, looks=looks)) == ()
    other = revisions(replace(few, looks=looks), many)
    assert other[0] == "hw20: the looks were planned at 4, 6 seeds and are at 6"


def test_earlier_changes_are_kept() -> None:
    assert revisions(replace(planned(), revisions=("x",)), planned()) == ("x",)
