"""What docs/own-data.md shows is run: its Lightning module, its counts, its commands."""

import ast
import re
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader, TensorDataset

from cal.data.__main__ import parser as data_parser
from cal.suite.run import check
from cal.train import parser as train_parser
from tests.own import MODULE, module

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs/own-data.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"```(\w+)\n(.*?)```", TEXT, flags=re.DOTALL))


def ward(count: int, *, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Pulse tells the class of three, sweat nothing."""
    draw = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 3
    pulse = torch.randn(count, 2, generator=draw) + 3 * torch.eye(3)[labels][:, :2]
    return pulse, torch.randn(count, 4, generator=draw), labels


@pytest.mark.filterwarnings("ignore:.*LeafSpec")
@pytest.mark.filterwarnings("ignore:.*many workers")
@pytest.mark.filterwarnings("ignore:GPU available")
def test_the_lightning_module_learns_and_finds_what_contributes() -> None:
    found: dict[str, type[pl.LightningModule]] = {}
    exec(compile(BLOCKS["python"], "docs/own-data.md", "exec"), found)  # what the page shows
    torch.manual_seed(0)
    net = found["Ward"](ward(60, seed=1))  # type: ignore[call-arg]
    trainer = pl.Trainer(
        max_epochs=12,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(net, DataLoader(TensorDataset(*ward(120, seed=0)), batch_size=20))
    logged = trainer.callback_metrics
    assert logged["contribution/pulse/W"] > 0.8
    assert logged["acceleration/pulse/k"] > 2.5
    with torch.no_grad():
        pulse, sweat, labels = ward(300, seed=2)
        mean, _ = net.encode(pulse, sweat)
        assert (net.fuse(mean).argmax(-1) == labels).float().mean() > 0.8


def test_the_entry_point_is_of_our_group() -> None:
    from cal.own import GROUP

    assert f'[project.entry-points."{GROUP}"]' in BLOCKS["toml"]


def test_the_template_is_short() -> None:
    """Under 60 lines with its comments; code alone is about half."""
    text = (ROOT / "cal/data/template.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) < 60
    (data,) = [n for n in ast.parse(text).body if isinstance(n, ast.ClassDef)]
    assert [n.name for n in data.body if isinstance(n, ast.FunctionDef)] == ["load", "encoder"]


def test_every_check_is_in_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"{module(tmp_path, monkeypatch, 'ward_in_docs', MODULE)}:Encoded"
    told = {f.check for f in check(name)} - {"packs"}  # says how runs train, is never wrong
    listed = set[str]()
    for line in TEXT.partition("| check | wrong where")[2].split("\n\n")[0].split("\n")[2:]:
        listed |= {cell.strip() for cell in line.split("|")[1].split(",")}
    assert listed == told


def test_its_commands_are_understood() -> None:
    """Those of cal.data and cal.train; the others stand in the integration tests."""
    lines = re.findall(r"python -m cal\.(data|train) (.*?)(?:\s+#.*)?$", TEXT, flags=re.MULTILINE)
    assert len(lines) >= 6
    for room, words in lines:
        if "`" not in words:  # a whole line, not a word in a sentence
            (data_parser() if room == "data" else train_parser()).parse_args(words.split())
