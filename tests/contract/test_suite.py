"""``python -m cal.data check my.module:MyData``: what is in order, and each way to be wrong."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cal.config import ConfigError, Data
from cal.data.__main__ import main
from cal.data.loading import load
from cal.suite.finding import Finding
from cal.suite.run import check, lines, plain
from cal.suite.splitting import coverage
from tests.own import MODULE, module

Write = Callable[[str], str]
CHECKS = (
    *("modalities", "arrays", "missing", "constant", "classes", "repeatable", "parts", "disjoint"),
    *("coverage", "groups", "standard", "again", "packs"),
)
TRAINED = ("joint", "joint resumed", "cal", "cal resumed", "noise")


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Write:
    """Write a module, of a name of its own -> its name."""
    made = iter(range(9))
    mark = abs(hash(request.node.name))
    return lambda text: module(tmp_path, monkeypatch, f"suite_{mark}_{next(made)}", text)


def found(name: str, *words: str) -> dict[str, Finding]:
    return {finding.check: finding for finding in check(name, words)}


def wrong(name: str, *words: str) -> list[str]:
    return [f"{f.check}: {f.text}" for f in check(name, words) if f.verdict == "wrong"]


def test_tables_in_order_are_told_line_by_line(write: Write) -> None:
    """240 samples: 48 for the report; of 192 a sixth for the probe, a fifth for selection."""
    findings = found(f"{write(MODULE)}:Tables")
    assert tuple(findings) == (*CHECKS, *TRAINED)
    assert {f.check for f in findings.values() if f.verdict != "ok"} == {"groups"}
    told = "train 122, probe 32, select 38, report 48 (data.probe=32 data.select=38)"
    assert findings["parts"].text == told
    assert findings["classes"].text == "3, of 80 (class 0) to 80 (class 0) samples"
    assert findings["packs"].text == "many runs train as one pack (mlp)"
    assert findings["groups"].text == (
        "8; 8 in both train and report, 8 in both train and select; to keep them apart: "
        "whole groups in official's test, data.select_by_group=true"
    )


def test_the_template_is_in_order() -> None:
    findings = found("cal.data.template:MyData")
    assert not [f for f in findings.values() if f.verdict == "wrong"]
    assert "moments in 419 of 2000 samples (20.9%)" in findings["missing"].text
    assert findings["packs"].text.startswith("runs go alone: own is an ordinary module")
    assert "moments [47] -> 32 (1536 parameters)" in findings["encoders"].text


def test_fields_of_the_configuration_may_be_given(write: Write) -> None:
    name = f"{write(MODULE)}:Encoded"
    findings = found(name, "data.probe=12", "data.select=15", "data.modalities=[pulse,sweat]")
    assert "(data.probe=12 data.select=15)" in findings["parts"].text
    assert "shoes" not in findings["encoders"].text
    findings = found(name, "model.encoder=mlp", "data.select_by_group=true")
    assert findings["packs"].text == "many runs train as one pack (mlp)"
    assert "in both train and select" not in findings["groups"].text
    assert wrong(name, "data.probe=9999") == [
        f"parts: data.probe: given 9999; allowed: at most 151 for {name}, whose train, probe and "
        "select parts share 192 samples",
    ]
    with pytest.raises(ConfigError, match=r"^data\.prob: unknown field; did you mean probe"):
        found(name, "data.prob=3")


def changed(old: str, new: str) -> str:
    assert old in MODULE
    return MODULE.replace(old, new)


RAISES = "draw = np.random.default_rng(7)"
LAYER = "return nn.Sequential(nn.Linear(features, 8), nn.ReLU())"
COUNTING = """

class Counting(nn.Linear):
    def forward(self, x):
        self.calls = getattr(self, "calls", 0) + 1
        return super().forward(x) * (1 + 0.1 * self.calls)
"""
FAULTS: dict[str, tuple[str, str, str]] = {
    "a file that is not there": (
        changed(RAISES, f"open('/nowhere/x.csv'); {RAISES}"),
        "Tables",
        "arrays: load() failed: FileNotFoundError: [Errno 2] No such file or directory: '/nowhere/",
    ),
    "labels from 1": (
        changed("Raw(inputs, labels,", "Raw(inputs, labels + 1,"),
        "Tables",
        "arrays: labels: class 0 has no sample; allowed: whole numbers from 0 without gaps",
    ),
    "in double precision": (
        changed("astype(np.float32)", "astype(np.float64)"),
        "Tables",
        "arrays: pulse: given float64 (240, 2); allowed: float32 [240, ...], one sample a label",
    ),
    "one NaN": (
        changed("raw.inputs[1][::6] = np.nan", "raw.inputs[1][3, 1] = np.nan"),
        "Encoded",
        "arrays: sweat: 1 samples hold NaN or infinite values, the first is 3; allowed: finit",
    ),
    "a sample without anything": (
        changed("raw.inputs[1][::6] = np.nan", "[x[:2].fill(np.nan) for x in raw.inputs]"),
        "Encoded",
        "missing: 2 samples have no modality at all; allowed: at least one each",
    ),
    "other values each time": (
        changed("default_rng(7)", "default_rng()"),
        "Tables",
        "repeatable: load() twice gives other pulse, sweat, shoes; allowed: the same (seed its",
    ),
    "a class that is only tested": (
        changed("groups=person,", "groups=person, official=np.where(labels == 2, 2, 0),"),
        "Tables",
        "parts: data.name: given ",
    ),
    "an offset that float32 does not hold": (
        changed("x = means[labels] +", "x = 1e6 + means[labels] +"),
        "Tables",
        "standard: pulse is ",
    ),
    "an encoder that is no module": (
        changed(LAYER, "return lambda x: x"),
        "Encoded",
        "encoders: pulse: encoder gives function; allowed: an nn.Module",
    ),
    "features too wide": (
        changed("width = 8", "width = 7"),
        "Encoded",
        "encoders: pulse: [8, 2] gives [8, 8]; allowed: [B, H], H <= width = 7",
    ),
    "features that are maps": (
        changed(LAYER, "return nn.Unflatten(1, (1, features))"),
        "Encoded",
        "encoders: pulse: [8, 2] gives [8, 1, 2]; allowed: [B, H], H <= width = 8",
    ),
    "initial values that are not torch's": (
        changed(
            LAYER,
            "layer = nn.Linear(features, 8); "
            "nn.init.constant_(layer.bias, np.random.rand()); return layer",
        ),
        "Encoded",
        "encoders: pulse: encoder twice begins with other values; allowed: those of torch's gen",
    ),
    "an encoder that errs": (
        changed("nn.Linear(features, 8)", "nn.Linear(features + 1, 8)"),
        "Encoded",
        "training: failed: RuntimeError: mat1 and mat2 shapes cannot be multiplied (8x2 and 3x8)",
    ),
    "what no checkpoint holds": (
        changed(LAYER, "return Counting(features, 8)") + COUNTING,
        "Encoded",
        "joint resumed: network.",
    ),
    "a window without an encoder": (
        changed(
            "return Raw(inputs, ", "inputs = (*inputs[:2], inputs[2][:, None]); return Raw(inputs, "
        ),
        "Tables",
        "training: no encoder of ours takes pulse [2], sweat [4], shoes [1, 2]; allowed: tables",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_told_and_what_is_allowed(fault: str, write: Write) -> None:
    text, attribute, line = FAULTS[fault]
    told = wrong(f"{write(text)}:{attribute}")
    assert told
    assert told[0].startswith(line), told
    assert all("\n" not in one for one in told)


def test_what_is_allowed_and_worth_knowing_is_a_note(write: Write) -> None:
    text = changed("tables = x[:, :2], x[:, 2:6]", "x[:, 5] = 1; tables = x[:, :2], x[:, 2:6]")
    text = text.replace(
        "labels = np.arange(240) % 3", "labels = np.minimum(np.arange(240) % 40, 2)"
    )
    findings = found(f"{write(text)}:Tables")
    assert findings["constant"].text == "1 of 8 features have one value and tell nothing: sweat[3]"
    assert findings["constant"].verdict == findings["classes"].verdict == "note"
    assert findings["classes"].text.endswith("read macro-F1 beside accuracy")
    assert not [f for f in findings.values() if f.verdict == "wrong"]


def test_a_class_that_is_absent_from_a_part_is_told() -> None:
    """Never trained on it cannot be right; elsewhere absent is worth knowing."""
    parts = load(Data(labels_per_class=20), seed=0)
    few = replace(parts.probe, labels=parts.probe.labels.clamp(max=7))
    found = coverage(replace(parts, probe=few))
    assert found == Finding("coverage", "note", "probe has none of class 8, 9")
    none = replace(parts.train, labels=parts.train.labels.clamp(max=8))
    found = coverage(replace(parts, train=none))
    assert found.verdict == "wrong"
    assert found.text.startswith("train has none of class 9; allowed: every class in train")


def test_whole_people_in_every_part(write: Write) -> None:
    """Two of eight are tested, one and more are kept for selection."""
    text = changed("groups=person,", "groups=person, official=np.where(person > 5, 2, 0),")
    findings = found(f"{write(text)}:Tables", "data.select_by_group=true")
    assert findings["groups"].text == "8, none in both train and report or select"
    published = "official=np.select([person > 6, person > 4], [2, 1], 0),"
    text = changed("groups=person,", f"groups=np.arange(240) // 60, {published}")
    findings = found(f"{write(text)}:Tables")
    assert findings["groups"].text.endswith(
        "to keep them apart: whole groups in official's valid" + "ation"
    )


def test_text_and_json_say_the_same(write: Write) -> None:
    name = f"{write(changed('width = 8', 'width = 7'))}:Encoded"
    findings = list(check(name))
    told = list(lines(name, findings))
    assert told[0] == name
    assert told[-1] == "11 ok, 2 to note, 2 wrong"
    assert told[1].startswith("ok     modalities  pulse (table), sweat (table), shoes (table)")
    kept = json.loads(json.dumps(plain(name, findings)))
    assert kept["data_set"] == name
    assert kept["ok"] is False
    assert [one["check"] for one in kept["checks"]] == [f.check for f in findings]


def test_the_command_ends_with_0_or_1(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    good = f"{write(MODULE)}:Tables"
    assert main(["check", good, "train.epochs=1"]) == 0
    assert capsys.readouterr().out.endswith("17 ok, 1 to note, 0 wrong\n")
    bad = f"{write(changed('Raw(inputs, labels,', 'Raw(inputs, labels + 1,'))}:Tables"
    assert main(["check", bad, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["ok"] is False


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["check", "handwritten"], "one of the arguments --source --root is required"),
        (["check", "nyud2"], "one of the arguments --source --root is required"),
        (["check", "cal.data.layouts.ave:Ave"], "one of the arguments --source --root is required"),
        (
            ["check", "nowhere:MyData"],
            "data.name: given 'nowhere:MyData'; cannot be used: ModuleNo",
        ),
        (
            ["check", "nyud2", "train.epochs=1", "--root", "."],
            "train.epochs=1: given with --source",
        ),
        (
            ["check", "cal.data.template:MyData", "epochs"],
            "epochs: given as an argument; allowed: F",
        ),
    ],
)
def test_what_cannot_be_asked_is_one_line(words: list[str], line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        main(words)
    assert str(caught.value).startswith(line)
