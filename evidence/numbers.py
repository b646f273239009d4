"""Numbers as a reader sees them: percent, points, p, seeds, verdicts. Pure; all files use these."""

from collections.abc import Iterable, Mapping
from typing import Any

Tree = Mapping[str, Any]
MINUS, PLUS_MINUS = "\u2212", "\u00b1"
WORDS = {
    "helps": "helps",
    "hurts": "hurts",
    "equivalent": "no effect larger than the margin",
    "undecided": "undecided",
    "no_interval": "no interval",
    "same_runs": "same runs",
    "not_measured": "not measured",
}
PLACES = {"clean": "on clean data", "robust": "under noise"}
NOISE = {
    "gaussian-single": "Gaussian {}, one modality",
    "gaussian-half": "Gaussian, random half",
    "gaussian-all": "Gaussian, all",
    "salt_pepper-single": "salt and pepper, one modality",
    "salt_pepper-half": "salt and pepper, random half",
    "salt_pepper-all": "salt and pepper, all",
    "missing-single": "one modality missing",
    "audio_snr-single": "audio noise",
    "audio_snr": "audio noise, {} dB",
    "qmf_gaussian-all": "Gaussian as released with QMF, eps",
    "qmf_salt_pepper-all": "salt and pepper as released with QMF, eps",
}
AIMED = {
    "gaussian": "Gaussian",
    "salt_pepper": "salt and pepper",
    "missing": "missing:",
    "audio_snr": "noise",
}
SMALLEST_P = 1e-4


def noise_title(group: str) -> str:
    """A noise group in words: ``gaussian-single-0.5`` is "Gaussian 0.5, one modality", and
    ``gaussian-fac`` "Gaussian on fac".
    """
    key = next((key for key in NOISE if group.startswith(key)), None)
    if key is None:
        kind, _, target = group.partition("-")
        on = "" if kind == "missing" else "on "
        return f"{AIMED[kind]} {on}{target}" if kind in AIMED else group
    rest = group.removeprefix(key).removeprefix("-").replace("-", MINUS)
    return NOISE[key].format(rest).replace(" ,", ",")


def word(verdict: str, margin: float | None = None) -> str:
    """A verdict in words; equivalence with the margin it speaks of."""
    if verdict == "equivalent" and margin is not None:
        return f"no effect larger than {margin_words(margin)}"
    return WORDS[verdict]


def margin_words(margin: float) -> str:
    """``0.5 points``."""
    return f"{100 * margin:g} point{'' if 100 * margin == 1 else 's'}"


def percent(sample: Tree) -> str:
    """``76.4 +- 1.2``: mean and standard deviation of an accuracy, in percent."""
    if sample["mean"] is None:
        return "not measured"
    sd = "" if sample["sd"] is None else f" {PLUS_MINUS} {100 * sample['sd']:.1f}"
    return f"{100 * sample['mean']:.1f}{sd}"


def plain(sample: Tree) -> str:
    """``0.812 +- 0.034``: mean and standard deviation as they are."""
    if sample["mean"] is None:
        return "not measured"
    sd = "" if sample["sd"] is None else f" {PLUS_MINUS} {sample['sd']:.3f}"
    return f"{sample['mean']:.3f}{sd}"


def signed(share: float, *, scale: float = 100, digits: int = 2) -> str:
    """Points of accuracy with their sign; what rounds to nothing has none."""
    text = f"{scale * share:+.{digits}f}"
    return text[1:] if float(text) == 0 else text.replace("-", MINUS)


def points(effect: Tree, *, scale: float = 100, digits: int = 2) -> str:
    """``+2.38 +- 0.82``: a difference and its half-width, in points of accuracy."""
    if effect["difference"] is None:
        return "not measured"
    text = signed(effect["difference"], scale=scale, digits=digits)
    if effect["half_width"] is None:
        return text
    return f"{text} {PLUS_MINUS} {scale * effect['half_width']:.{digits}f}"


def span(effect: Tree, *, scale: float = 100, digits: int = 2) -> str:
    """``-0.13 to +0.19``."""
    low, high = (signed(effect[k], scale=scale, digits=digits) for k in ("low", "high"))
    return f"{low} to {high}"


def number(value: float) -> str:
    """Three digits, a true minus sign."""
    return f"{value:.3g}".replace("-", MINUS)


def p_value(p: float, sign: str = "= ") -> str:
    """``= 0.013``, ``< 0.0001``: behind a p. ``sign``: what stands before a plain value."""
    return f"< {SMALLEST_P:.4f}" if p < SMALLEST_P else f"{sign}{p:.2g}"


def ranges(values: Iterable[int]) -> str:
    """``0-3, 7``: integers in as few words as hold them."""
    parts: list[list[int]] = []
    for value in sorted(set(values)):
        if parts and value == parts[-1][1] + 1:
            parts[-1][1] = value
        else:
            parts.append([value, value])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in parts)


def share(value: float) -> str:
    """A share as whole percent, ``8 %``."""
    return f"{100 * value:.0f} %"


def listed(words: Iterable[str], last: str = "and") -> str:
    """``a, b and c``."""
    found = list(words)
    if len(found) < 2:
        return "".join(found)
    return f"{', '.join(found[:-1])} {last} {found[-1]}"
