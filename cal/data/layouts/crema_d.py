"""CREMA-D as OGM-GE published its lists: six emotions, spoken by 91 actors.

    train.csv, test.csv              no header, rows 1088_IOM_NEU_XX,NEU
    AudioWAV/ID.wav                  16 kHz mono, as in the original
    Image-01-FPS/ID/00000.jpg        frames, one a second; or else VideoFlash/ID.flv

Assumed: the lists lie in the source itself. A clip is not sought in VideoFlash where the folder of
frames is there, so that all frames were compressed alike. The authors resample to 22050 Hz and
repeat to 3 s. There is no validation split, and every actor speaks in train and in test: a split
by speaker (the group) is another task than the published one.
"""

from collections.abc import Mapping
from pathlib import Path

from cal.data.layouts.index import Array, Index, Sample, Settings, SplitName
from cal.data.layouts.lists import Collected, pictures, root
from cal.data.preparing import decoding, sound
from cal.modalities import ON_DISK

LISTS: dict[SplitName, str] = {"train": "train.csv", "test": "test.csv"}


class CremaD:
    """train.csv, test.csv (ID,EMOTION); AudioWAV/ID.wav; Image-01-FPS/ID/*.jpg or
    VideoFlash/ID.flv
    """

    name = "crema-d"
    modalities = ON_DISK[name]
    classes = ("NEU", "HAP", "SAD", "FEA", "DIS", "ANG")
    published: Mapping[SplitName, int] = {"train": 6698, "test": 744}
    settings = Settings(rate=22050, seconds=3.0, frames=3)

    def index(self, source: Path) -> Index:
        """As the lists say; the speaker is the first word of an id."""
        frames = root(source, "Image-01-FPS", "VideoFlash")
        root(source, "AudioWAV")
        found = Collected(source, self.classes)
        for split, file in LISTS.items():
            for where, (id, label) in found.rows(file, ",", ("id", "emotion"), id=0):
                clip = f"{frames}/{id}"
                seen = pictures(source, clip) if frames != "VideoFlash" else (f"{clip}.flv",)
                files = {"audio": (f"AudioWAV/{id}.wav",), "image": seen}
                speaker = id.partition("_")[0]
                found.take(where, id=id, label=label, split=split, files=files, group=speaker)
        return found.index(needed=tuple(LISTS))

    def decode(self, source: Path, sample: Sample, settings: Settings) -> dict[str, Array]:
        """Sound and frames."""
        image, shape = decoding.frames(source, sample.files["image"], settings)
        (file,) = sample.files["audio"]
        audio = sound.wave(source, file, settings, rates=(16000,), channels=(1,))
        return decoding.row(audio=audio, image=(image, shape))
