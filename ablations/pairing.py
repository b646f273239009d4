"""Do two arms share all that chance decides, so that a seed's difference is their difference? Pure.

A run draws everything from its seed and its configuration, and each part from a generator of its
own (``cal/rng.py``). So two runs of one seed share

- the samples of every part, where ``SPLIT`` is equal (``cal/data/splits.py``: the report part is
  fixed; seed, labels a class, probe and select draw the others from the remainder),
- the report inputs, clean and corrupted, where ``INPUTS`` is equal too: noise is a function of
  sample and condition, clipped and standardised by the training samples without the probe,
- the order of the training samples, where ``ORDER`` is equal too: one permutation an epoch,
- the initial values of every part of equal shape, whatever the arms are (``model/network.py``).

By design arms may differ in the network, the method and its numbers, and the optimiser: that is
what is compared. ``data.probe_in_training`` is a treatment as well: the same split, the probe's
samples trained on beside the others. So is ``data.modalities``: the inputs of the modalities that
both see are shared. Such a contrast stays paired, and its note says so.
"""

from collections.abc import Iterable

from cal.config import Config, Data, flatten
from cal.protocols import CLEAN_ROOM

PAIRED = "paired"
SPLIT = ("data.name", "data.labels_per_class", "data.probe", "data.select")
INPUTS = ("data.corrupt_views", "data.corrupt_sigma", "data.snr_db", "data.image_sigma") + (
    "evaluate.noise",
    "evaluate.severities",
    *(f"evaluate.{name}" for name in CLEAN_ROOM),
)
OF = {"data.snr_db": "audio", "data.image_sigma": "image", "evaluate.audio_snr_db": "audio"}
ORDER = ("train.batch", "train.epochs")
MEANING = {"seed": "other draws"} | (
    dict.fromkeys(SPLIT, "other samples")
    | dict.fromkeys(INPUTS, "other report inputs")
    | dict.fromkeys(ORDER, "another order of training samples")
)


def unshared(arm: Config, reference: Config) -> list[str]:
    """What breaks the pairing of two runs, in words; empty where they are paired.

    Both in their effective form, so that a field nobody reads does not count.
    """
    both = set(arm.modalities) & set(reference.modalities)
    left, right = _flat(arm, both), _flat(reference, both)
    return [
        f"{name} {left[name]} against {right[name]} ({meaning})"
        for name, meaning in MEANING.items()
        if left[name] != right[name]
    ]


def by_design(arm: Config, reference: Config) -> list[str]:
    """What a reader of a paired comparison should know all the same."""
    notes = []
    if arm.data.probe_in_training != reference.data.probe_in_training:
        more = "arm" if arm.data.probe_in_training else "reference"
        notes.append(
            f"the {more} trains on the {arm.data.probe} probe samples as well, by design; seeds, "
            "split and report inputs are shared, the order of training samples is not"
        )
    if arm.modalities != reference.modalities:
        own, theirs = (", ".join(c.data.modalities) or "everything" for c in (arm, reference))
        notes.append(f"the arm sees {own}, the reference {theirs}, by design; they share the rest")
    if arm.model != reference.model:
        left, right = flatten(arm.model.model_dump()), flatten(reference.model.model_dump())
        fields = ", ".join(f"model.{name}" for name in left if left[name] != right[name])
        notes.append(f"the networks differ in {fields}: parts of equal shape begin alike")
    return notes


def pairing(pairs: Iterable[tuple[Config, Config]]) -> tuple[str, str]:
    """``paired`` or why not, and the note, of all (arm, reference) runs of a contrast."""
    reasons: dict[str, None] = {}
    notes: dict[str, None] = {}
    for arm, reference in pairs:
        reasons |= dict.fromkeys(unshared(arm, reference))
        notes |= dict.fromkeys(by_design(arm, reference))
    return "; ".join(reasons) or PAIRED, "; ".join(notes)


def _flat(config: Config, seen: set[str]) -> dict[str, object]:
    """The fields; of the inputs those of the modalities ``seen`` alone."""
    found = flatten(config.model_dump())
    views = tuple(view for view in config.data.corrupt_views if view in seen)
    found["data.corrupt_views"] = views
    if not views:
        found["data.corrupt_sigma"] = Data().corrupt_sigma
    return found | dict.fromkeys(name for name, modality in OF.items() if modality not in seen)
