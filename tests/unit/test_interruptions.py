from cal.interruptions import Interruptions, interruptions


def test_a_row_that_was_never_interrupted_says_nothing() -> None:
    assert interruptions({"cal.study": "s"}) == Interruptions(0, 0, 0.0)


def test_every_driver_adds_to_what_the_row_says() -> None:
    first = interruptions({}).and_one(2.5, preempted=True)
    second = interruptions(first.tags()).and_one(1.25, preempted=False)
    assert second == Interruptions(resumed=2, preempted=1, lost_s=3.75)
    assert second.tags() == {"cal.resumed": "2", "cal.preempted": "1", "cal.lost_s": "3.750"}
