import json

import pytest

from cal import cli, eventlog
from cal.config import ConfigError, parse
from cal.records import Epoch
from cal.runs import Run

RUN = Run("ab12", "hw20", 3, parse({"seed": 3}), ("cal", "full"))
NAMES = {"study": "s", "regime": "hw20", "variant": "cal", "run": "ab12", "seed": 3}


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    found = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert all(str(event.pop("time")).endswith("+00:00") for event in found)
    return found


def test_every_event_of_a_run_names_study_variant_run_and_seed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log = eventlog.EventLog("s")
    log.started(RUN, beside=24)
    log.epoch(RUN, Epoch(1, 9, 3, {"train/loss": 0.5}))
    log.epoch(RUN, Epoch(2, 9, 6, {}, ("audio: collapsed",)))
    log.resumed(RUN, epoch=2, seconds=1.23456, preempted=True)
    log.ended(RUN, "loss is nan")
    log.ended(RUN, "")
    assert lines(capsys) == [
        {"event": "started", **NAMES, "pack": 24},
        {"event": "warning", **NAMES, "epoch": 2, "message": "audio: collapsed"},
        {"event": "resumed", **NAMES, "epoch": 2, "lost_s": 1.235, "preempted": True},
        {"event": "failed", **NAMES, "message": "loss is nan"},
        {"event": "finished", **NAMES},
    ]


def test_a_line_break_or_a_quote_stays_in_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    eventlog.EventLog('s"\n').note('{"event": "finished"}\n')
    (event,) = lines(capsys)
    assert event == {"event": "note", "study": 's"\n', "message": '{"event": "finished"}\n'}


def test_what_commands_say_is_an_event_too_where_it_is_asked_for(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cli.say("judging")
    assert capsys.readouterr().err == "judging\n"
    monkeypatch.setenv("CAL_LOG", "json")
    cli.say("judging")
    assert lines(capsys) == [{"event": "note", "message": "judging"}]


def test_an_unknown_format_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAL_LOG", "xml")
    with pytest.raises(ConfigError, match="^CAL_LOG: given 'xml'; allowed: text, json$"):
        eventlog.wanted()
