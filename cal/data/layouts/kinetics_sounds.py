"""Kinetics-Sounds in its two published families, which cannot be compared.

OGM-GE's lists (also MMPareto's) name 31 classes by number, 14799 and 2597 clips; ARL's folders hold
33 or 34 classes by name, with other clips. An accuracy among 31 classes and one among 34 are of
two different tasks, so these are two data sets here. Kinetics clips vanish from their site, so
copies differ even within a family: compare only runs on the same ``digest``.

OGM-GE, ``kinetics-sounds``:

    my_train.txt, my_test.txt        rows ID,10,LABEL; LABEL 0 ... 30
    ID/frame_00001.jpg               one a second; also below visual/; or else video/ID.mp4
    audio/ID.wav                     10 s; or else the sound of video/ID.mp4

ARL, ``kinetics-sounds-arl``:

    class.txt                        one class a line, in the order of the labels
    visual/train_img/Image-01-FPS/CLASS/CLIP/*.jpg     test: visual/val_img
    audio/train/CLASS/CLIP.wav                         test: audio/test

Assumed, for the published text does not tell: the names of the folders of OGM-GE's sounds and
frames, and that each line of class.txt is a name as its folder has it. OGM-GE's 31 numbers have no
published names: the classes are called by their number. Kinetics' validation part is their test.
"""

from collections.abc import Mapping
from pathlib import Path

from cal.config import ConfigError
from cal.data.layouts.index import Array, Fault, Index, Sample, Settings, SplitName
from cal.data.layouts.lists import Collected, inside, name_fault, pictures, root, rows
from cal.data.preparing import decoding, sound
from cal.modalities import ON_DISK

LISTS: dict[SplitName, str] = {"train": "my_train.txt", "test": "my_test.txt"}
FOLDERS: dict[SplitName, tuple[str, str]] = {
    "train": ("visual/train_img/Image-01-FPS", "audio/train"),
    "test": ("visual/val_img/Image-01-FPS", "audio/test"),
}


class KineticsSounds:
    """OGM-GE: my_train.txt, my_test.txt (ID,10,LABEL); ID/frame_00001.jpg or visual/ID/...;
    audio/ID.wav; or video/ID.mp4 instead of both
    """

    name = "kinetics-sounds"
    modalities = ON_DISK[name]
    classes = tuple(str(label) for label in range(31))
    published: Mapping[SplitName, int] = {"train": 14799, "test": 2597}
    settings = Settings(rate=16000, seconds=10.0, frames=3)

    def index(self, source: Path) -> Index:
        """As the lists say."""
        visual = "visual" if (source / "visual").is_dir() else ""
        sounds = root(source, "audio", "video")
        filmed = (source / "video").is_dir() and not visual and not _frames_beside(source)
        found = Collected(source, self.classes)
        for split, file in LISTS.items():
            for where, (id, _, label) in found.rows(file, ",", ("id", "seconds", "label"), id=0):
                audio = f"audio/{id}.wav" if sounds == "audio" else f"video/{id}.mp4"
                clip = f"{visual}/{id}".lstrip("/")
                image = (f"video/{id}.mp4",) if filmed else pictures(source, clip)
                files = {"audio": (audio,), "image": image}
                found.take(where, id=id, label=label, split=split, files=files)
        return found.index(needed=tuple(LISTS))

    def decode(self, source: Path, sample: Sample, settings: Settings) -> dict[str, Array]:
        """Sound and frames."""
        return _decoded(source, sample, settings)


def _frames_beside(source: Path) -> bool:
    """Whether a clip of the list has its folder in the source itself."""
    ids = (line.split(",")[0].strip() for _, line in rows(source, LISTS["train"]))
    return any((source / id).is_dir() for id in ids if not name_fault(id))


class KineticsSoundsArl:
    """ARL: class.txt; visual/{train_img,val_img}/Image-01-FPS/CLASS/CLIP/*.jpg;
    audio/{train,test}/CLASS/CLIP.wav
    """

    name = "kinetics-sounds-arl"
    modalities = ON_DISK[name]
    published: Mapping[SplitName, int] = {}
    settings = Settings(rate=16000, seconds=5.0, frames=3)

    def index(self, source: Path) -> Index:
        """Every clip that has a sound or frames; one without the other is a fault."""
        classes = [line.strip() for _, line in rows(source, "class.txt")]
        if len(set(classes)) != len(classes):
            raise ConfigError(f"--source: given {source}; class.txt names a class twice")
        found = Collected(source, classes)
        for split, (visual, audio) in FOLDERS.items():
            for label in sorted({*inside(source, visual), *inside(source, audio)}):
                if label not in classes:
                    found.fault(f"{visual}/{label}", "a class that class.txt does not name")
                    continue
                self._take(found, split, label, visual=visual, audio=audio)
        return found.index(needed=tuple(FOLDERS))

    def _take(
        self, found: Collected, split: SplitName, label: str, *, visual: str, audio: str
    ) -> None:
        source = found.source
        heard = {}
        if (source / audio / label).is_dir():
            names = inside(source, f"{audio}/{label}")
            heard = {name[: -len(".wav")]: name for name in names if name.endswith(".wav")}
        seen = set()
        if (source / visual / label).is_dir():
            seen = set(inside(source, f"{visual}/{label}"))
        for clip in sorted({*heard, *seen}):
            wav = f"{audio}/{label}/{clip}.wav"
            files: dict[str, tuple[str, ...] | Fault] = {
                "audio": (wav,) if clip in heard else Fault(wav, "no such file"),
                "image": pictures(source, f"{visual}/{label}/{clip}"),
            }
            where = f"{visual}/{label}/{clip}"
            found.take(where, id=f"{label}/{clip}", label=label, split=split, files=files)

    def decode(self, source: Path, sample: Sample, settings: Settings) -> dict[str, Array]:
        """Sound and frames."""
        return _decoded(source, sample, settings)


def _decoded(source: Path, sample: Sample, settings: Settings) -> dict[str, Array]:
    image, shape = decoding.frames(source, sample.files["image"], settings)
    (file,) = sample.files["audio"]
    return decoding.row(audio=sound.wave(source, file, settings), image=(image, shape))
