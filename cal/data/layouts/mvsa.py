"""MVSA-Single, tweets of one picture: negative, neutral, positive; in two published forms.

QMF's lists:

    train.jsonl, dev.jsonl, test.jsonl       {"id", "label", "text", "img": "data/477.jpg"}
    data/477.jpg

Its labels are numbered in the order of first appearance in train.jsonl, as the released code does.
21 of its texts stand in both train and test (``check`` counts them).

The original:

    labelResultAll.txt                       a header, then ID<TAB>TEXT_LABEL,IMAGE_LABEL
    data/ID.txt, data/ID.jpg

The published rule for its two labels (Xu and Mao, 2017): equal ones stand; of neutral and another
the other stands; positive against negative, the pair is left out. It has no published split: here
the ids of each class, in the order of their SHA-256, are cut 8 : 1 : 1 into train, validation and
test, so that any copy is cut alike. Labels are in alphabetical order.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cal.data.layouts.index import SPLITS, Array, Index, Sample, Settings, SplitName
from cal.data.layouts.lists import Collected, name_fault, outside, rows
from cal.data.preparing import decoding
from cal.modalities import ON_DISK

RAW = "labelResultAll.txt"
LISTS: dict[SplitName, str] = {
    "train": "train.jsonl",
    "validation": "dev.jsonl",
    "test": "test.jsonl",
}
CLASSES = ("negative", "neutral", "positive")
FIELDS = ("id", "label", "text", "img")


class Mvsa:
    """{train,dev,test}.jsonl (id, label, text, img) and the pictures; or the original
    labelResultAll.txt, data/ID.txt and data/ID.jpg
    """

    name = "mvsa-single"
    modalities = ON_DISK[name]
    published: Mapping[SplitName, int] = {"train": 1555, "validation": 518, "test": 519}
    settings = Settings(frames=1)

    def index(self, source: Path) -> Index:
        """As the lists say; of the original, by the published rule for its two labels."""
        if (source / RAW).is_file() and not (source / LISTS["train"]).is_file():
            return _raw(source)
        return _lists(source)

    def decode(self, source: Path, sample: Sample, settings: Settings) -> dict[str, Array]:
        """The picture and the text."""
        (file,) = sample.files["image"]
        image = decoding.image(source, file, settings)
        (where,) = sample.files.get("text", (LISTS[sample.split],))
        text = decoding.text_file(source, where) if "text" in sample.files else sample.text
        return decoding.row(image=image, text=decoding.text_row(where, text, settings))


def _lists(source: Path) -> Index:
    parsed = {s: [(n, _parsed(line)) for n, line in rows(source, f)] for s, f in LISTS.items()}
    said = [row["label"] for _, row in parsed["train"] if isinstance(row, dict)]
    seen = [label for label in dict.fromkeys(said) if label in CLASSES]
    found = Collected(source, [*seen, *(c for c in CLASSES if c not in seen)])
    pictures: dict[str, str] = {}
    for split, file in LISTS.items():
        for number, row in parsed[split]:
            where = f"{file}, line {number}"
            if isinstance(row, str):
                found.fault(where, row)
                continue
            id, img = row["id"], row["img"]
            wrong = outside(img)
            if not wrong and pictures.setdefault(img, where) != where:
                wrong = f"picture {img} again; it is in {pictures[img]}"
            if wrong:
                found.fault(where, wrong, sample=id)
                continue
            text = row["text"].strip()
            files = {"image": (img,)}
            found.take(where, id=id, label=row["label"], split=split, files=files, text=text)
    return found.index(needed=SPLITS)


def _parsed(line: str) -> dict[str, str] | str:
    """A row, or what is wrong with it."""
    try:
        row: Any = json.loads(line)
    except (ValueError, RecursionError):
        return "no JSON"
    if not isinstance(row, dict):
        return f"a JSON {type(row).__name__}; allowed: an object"
    if type(row.get("id")) is int:
        row["id"] = str(row["id"])
    for field in FIELDS:
        if field not in row:
            return f"no field {field!r}; allowed: {', '.join(FIELDS)}"
        if not isinstance(row[field], str):
            return f"{field} is a {type(row[field]).__name__}; allowed: a text"
    return {field: row[field] for field in FIELDS}


def agreed(text: str, image: str) -> str:
    """The label of a pair, or nothing where text and picture contradict each other."""
    if text == image or image == "neutral":
        return text
    return image if text == "neutral" else ""


def _raw(source: Path) -> Index:
    by_class: dict[str, list[tuple[str, str]]] = {name: [] for name in CLASSES}
    found = Collected(source, CLASSES)
    contradicting = 0
    for number, line in rows(source, RAW):
        if number == 1 and line.split("\t")[0].strip().upper() == "ID":
            continue
        where = f"{RAW}, line {number}"
        id, _, labels = line.partition("\t")
        id, pair = id.strip(), [label.strip() for label in labels.split(",")]
        if len(pair) != 2:
            found.fault(where, "allowed: ID, a tab, the label of the text, a comma, the picture's")
        elif name_fault(id) or not set(pair) <= set(CLASSES):
            known = f"given labels {','.join(pair)}; allowed: {', '.join(CLASSES)}"
            found.fault(where, name_fault(id) or known)
        elif label := agreed(*pair):
            by_class[label].append((id, where))
        else:
            contradicting += 1
    for label, members in by_class.items():
        for (id, where), split in zip(*_cut(members), strict=True):
            files = {"image": (f"data/{id}.jpg",), "text": (f"data/{id}.txt",)}
            found.take(where, id=id, label=label, split=split, files=files)
    rule = f"{contradicting} pairs left out: text and picture contradict each other"
    cut = "no published split: cut 8 : 1 : 1 in each class by the SHA-256 of the ids"
    return replace(found.index(needed=SPLITS), notes=(rule, cut), published={})


def _cut(members: list[tuple[str, str]]) -> tuple[list[tuple[str, str]], list[SplitName]]:
    """In the order of their SHA-256, and the split of each."""
    ordered = sorted(members, key=lambda member: hashlib.sha256(member[0].encode()).digest())
    tenth = len(ordered) // 10 or min(1, len(ordered) // 3)
    train = len(ordered) - 2 * tenth
    counts: dict[SplitName, int] = {"train": train, "validation": tenth, "test": tenth}
    return ordered, [split for split, count in counts.items() for _ in range(count)]
