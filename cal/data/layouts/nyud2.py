"""NYU Depth V2 scenes as QMF publishes them: RGB and HHA depth, 10 classes.

    train/CLASS/*.png, test/CLASS/*.png      one PNG: RGB left, depth right, each half as wide

A label is the place of its folder among the sorted ones of train. There is no validation split.
Assumed: class folders are the same in train and test.
"""

from collections.abc import Mapping
from pathlib import Path

from cal.data.layouts.index import Array, Damaged, Fault, Index, Sample, Settings, SplitName
from cal.data.layouts.lists import Collected, inside
from cal.data.preparing import decoding
from cal.modalities import ON_DISK

FOLDERS: dict[SplitName, str] = {"train": "train", "test": "test"}


class Nyud2:
    """{train,test}/CLASS/*.png, RGB left and HHA depth right in one picture"""

    name = "nyud2"
    modalities = ON_DISK[name]
    published: Mapping[SplitName, int] = {"train": 795, "test": 654}
    settings = Settings(frames=1)

    def index(self, source: Path) -> Index:
        """Every PNG, named split/class/stem."""
        classes = [n for n in inside(source, "train") if (source / "train" / n).is_dir()]
        found = Collected(source, classes)
        for split, folder in FOLDERS.items():
            for label in inside(source, folder):
                within = f"{folder}/{label}"
                if not (source / within).is_dir():
                    continue  # a note or a list of theirs
                names = [n for n in inside(source, within) if n.lower().endswith(".png")]
                if not names:
                    found.fault(within, "a folder without pictures (.png)")
                for name in names:
                    file = f"{within}/{name}"
                    files = {"image": (file,), "depth": (file,)}
                    id = file[: -len(".png")]
                    found.take(file, id=id, label=label, split=split, files=files)
        return found.index(needed=tuple(FOLDERS))

    def decode(self, source: Path, sample: Sample, settings: Settings) -> dict[str, Array]:
        """Both halves of the one picture."""
        (file,) = sample.files["image"]
        both = decoding.picture(source, file)
        if both.width % 2 or both.width < 2:
            raise Damaged(
                Fault(file, f"{both.width} pixels wide; allowed: an even width, two halves")
            )
        half, height = both.width // 2, both.height
        image = both.crop((0, 0, half, height))
        depth = both.crop((half, 0, both.width, height))
        shape = (height, half)
        return decoding.row(
            image=(decoding.squeezed(image, settings.size)[None], shape),
            depth=(decoding.squeezed(depth, settings.size)[None], shape),
        )
