"""The report's figures as PNG for Markdown. The only file here that knows matplotlib."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ablations.curves import QUANTITIES, Curves, lines_of, modalities

INK, SOFT, GRID = "#1b1f24", "#59636e", "#d8dee4"
# Okabe and Ito (2008): told apart with any common colour blindness; order as on the page.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.6)), (0, (1.5, 1.3)))
STYLE: dict[Any, Any] = {
    "text.parse_math": False,
    "font.size": 9.0,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "text.color": INK,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
}
PLACES = {"clean": ("o", COLOURS[0]), "robust": ("D", COLOURS[1])}


def accuracy(regime: Mapping[str, Any], *, arms: Sequence[str]) -> bytes:
    """Clean and robust accuracy of every arm, percent: mean over seeds and its t interval.

    The dashed line is the mean of ``joint``, the thin one parts factorial cells from other arms.
    """
    variants = [regime["variants"][arm] for arm in arms]
    cells = sum(bool(variant["switches"]) for variant in variants)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8.2, 0.27 * len(arms) + 0.75), layout="constrained")
        for axes, place in zip(figure.subplots(1, 2, sharey=True), PLACES, strict=True):
            _dots(axes, [variant[place] for variant in variants], place)
            joint = regime["variants"].get("joint", {}).get(place, {}).get("mean")
            if joint is not None:
                axes.axvline(100 * joint, color=SOFT, linewidth=0.9, linestyle=(0, (4, 3)))
            if 0 < cells < len(arms):
                axes.axhline(cells - 0.5, color=SOFT, linewidth=0.6)
            axes.set_title(f"{place} accuracy, %", fontsize=9.5, loc="left")
            axes.set_yticks(range(len(arms)), list(arms))
            axes.set_ylim(len(arms) - 0.4, -0.6)
            axes.tick_params(axis="y", length=0)
            axes.spines["left"].set_visible(False)
            axes.margins(x=0.05)
        return _png(figure)


def _dots(axes: Axes, samples: Sequence[Mapping[str, Any]], place: str) -> None:
    shown = [(i, s) for i, s in enumerate(samples) if s["mean"] is not None]
    if not shown:
        axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, ha="center")
        return
    marker, colour = PLACES[place]
    axes.errorbar(
        [100 * s["mean"] for _, s in shown],
        [i for i, _ in shown],
        xerr=[100 * (s["half_width"] or 0.0) for _, s in shown],
        fmt=marker,
        color=colour,
        markersize=5.5 if marker == "o" else 4.8,
        elinewidth=1.7,
    )


def training(curves: Curves, *, quantities: Sequence[str]) -> bytes:
    """Quantities over epochs, a panel each and a line for each modality, mean over seeds."""
    names = modalities(curves)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(2.9 * len(quantities), 2.5))
        panels = figure.subplots(1, len(quantities), squeeze=False)[0]
        figure.subplots_adjust(
            left=0.15 / len(quantities), right=0.99, bottom=0.18, top=0.8, wspace=0.22
        )
        for axes, quantity in zip(panels, quantities, strict=True):
            for i, line in enumerate(lines_of(curves, quantity).values()):
                axes.plot(
                    [epoch for epoch, _ in line],
                    [value for _, value in line],
                    color=COLOURS[i % len(COLOURS)],
                    linestyle=DASHES[i // len(COLOURS) % len(DASHES)],
                    linewidth=1.6,
                )
            axes.set_title(QUANTITIES[quantity][1], fontsize=9.5, loc="left")
            axes.set_xlabel("epoch")
            axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
            axes.xaxis.set_major_locator(MaxNLocator(4))
            axes.yaxis.set_major_locator(MaxNLocator(4))
        figure.legend(panels[0].lines, names, loc="upper left", ncols=len(names), frameon=False)
        return _png(figure)


def _png(figure: Figure) -> bytes:
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=150, metadata={"Software": None})
    return data.getvalue()
