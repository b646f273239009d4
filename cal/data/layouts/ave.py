"""AVE, audio-visual events: 28 classes, clips cut to the event (start to end).

    trainSet.txt, valSet.txt, testSet.txt    rows Class&ID&quality&start&end
    Audio-1004-SE/ID.pkl                     a log spectrogram [257, 1004]; or else Audio/ID.wav
    Image-01-FPS-SE/ID/*.jpg                 frames, one a second; or else AVE/ID.mp4

A label is the place of its class in the order of first appearance in testSet.txt, as in the
released codes. Their spectrogram: 16 kHz, repeated to 10 s, windows of 512 overlapping by 353, log,
standardised by clip; a ``.pkl`` is stored as it is (float32), a WAV as a waveform. Assumed: the
names of the folders ``Audio`` and ``AVE``; that AVE/ID.mp4, the original of 10 s, is meant to be
used whole. Files are named by the id alone, so of an id that stands in two rows only one clip can
be there: the second row is a fault (released codes drop it silently).
"""

from collections.abc import Mapping
from pathlib import Path

from cal.config import ConfigError
from cal.data.layouts.index import Array, Index, Sample, Settings, SplitName
from cal.data.layouts.lists import Collected, pictures, root, rows
from cal.data.preparing import decoding, sound
from cal.modalities import ON_DISK

LISTS: dict[SplitName, str] = {
    "train": "trainSet.txt",
    "validation": "valSet.txt",
    "test": "testSet.txt",
}
WINDOW, HOP = 512, 512 - 353
CLASSES = 28
FORM = ("Category", "VideoID", "Quality", "StartTime", "EndTime")


class Ave:
    """trainSet.txt, valSet.txt, testSet.txt (Class&ID&quality&start&end); Audio-1004-SE/ID.pkl or
    Audio/ID.wav; Image-01-FPS-SE/ID/*.jpg; or AVE/ID.mp4 instead of either
    """

    name = "ave"
    modalities = ON_DISK[name]
    published: Mapping[SplitName, int] = {"train": 3339, "validation": 402, "test": 402}
    settings = Settings(rate=16000, seconds=10.0, frames=4)

    def index(self, source: Path) -> Index:
        """As the lists say."""
        frames, sounds = (
            root(source, "Image-01-FPS-SE", "AVE"),
            root(source, "Audio-1004-SE", "Audio", "AVE"),
        )
        suffix = {"Audio-1004-SE": ".pkl", "Audio": ".wav", "AVE": ".mp4"}[sounds]
        found = Collected(source, self._classes(source))
        for split, file in LISTS.items():
            for where, (label, id, *_) in found.rows(file, "&", FORM, id=1):
                clip = f"{frames}/{id}"
                seen = pictures(source, clip) if frames != "AVE" else (f"{clip}.mp4",)
                files = {"audio": (f"{sounds}/{id}{suffix}",), "image": seen}
                found.take(where, id=id, label=label, split=split, files=files)
        return found.index(needed=tuple(LISTS))

    def _classes(self, source: Path) -> list[str]:
        """By label."""
        said = (line.split("&") for _, line in rows(source, LISTS["test"]))
        named = [fields[0].strip() for fields in said if len(fields) == len(FORM)]
        if named[:1] == [FORM[0]]:  # a header
            del named[0]
        classes = list(dict.fromkeys(named))
        if len(classes) > CLASSES:
            raise ConfigError(
                f"--source: given {source}; {LISTS['test']} names {len(classes)} classes; "
                f"allowed: at most {CLASSES}"
            )
        return classes

    def decode(self, source: Path, sample: Sample, settings: Settings) -> dict[str, Array]:
        """A stored spectrogram or a sound, and frames."""
        image, shape = decoding.frames(source, sample.files["image"], settings)
        (file,) = sample.files["audio"]
        audio: Array
        if file.endswith(".pkl"):
            steps = (round(settings.rate * settings.seconds) - (WINDOW - HOP)) // HOP
            audio = decoding.spectrogram(source, file, shape=(WINDOW // 2 + 1, steps))
        else:
            audio = sound.wave(source, file, settings)
        return decoding.row(audio=audio, image=(image, shape))
