"""Video files (.flv, .mp4) by PyAV: frames once a second, and the sound.

PyAV is the extra ``video``; without it the frames and sounds can be made by ffmpeg.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from cal.config import ConfigError
from cal.data.layouts.index import Damaged, Fault
from cal.data.preparing.files import PIXELS, content

FFMPEG = (
    "ffmpeg -i ID{suffix} -vf fps=1 -start_number 0 FRAMES/ID/%05d.jpg (frames) and "
    "ffmpeg -i ID{suffix} -ac 1 -ar 16000 ID.wav (sound)"
)
SECONDS = 120  # of a clip: what is longer is none
SLACK = 1.5  # s that a stream may end before its file: one stream is shorter than the other


@contextmanager
def _opened(source: Path, file: str) -> Iterator[Any]:
    """The container. Raises ``Damaged``, and ``ConfigError`` where PyAV is missing."""
    try:
        import av
    except ImportError:
        raise ConfigError(
            f"{file}: a video needs PyAV; install cal-lab[video], or make what it holds by "
            + FFMPEG.format(suffix=Path(file).suffix)
        ) from None
    stream = BytesIO(content(source, file))
    try:
        with av.open(stream, mode="r") as container:
            yield container
    except (av.FFmpegError, ValueError) as error:
        if isinstance(error, Damaged):
            raise
        why = " ".join(str(error).split())[:120]
        raise Damaged(Fault(file, f"no video that can be read ({why})")) from None


def _whole(file: str, container: Any, stream: Any, end: float) -> None:
    """Raises ``Damaged`` where decoding ended (s) long before the header says that it would: a
    truncated FLV is read without an error.
    """
    told = container.duration / 1e6 if container.duration else end
    if stream.duration:
        told = float(stream.duration * stream.time_base)
    if told - end > SLACK:
        raise Damaged(Fault(file, f"breaks off after {end:.1f} of {told:.1f} s"))


def once_a_second(source: Path, file: str) -> list[Image.Image]:
    """The first frame of each second: those at 0, 1, 2 ... s or the next after."""
    pictures: list[Image.Image] = []
    with _opened(source, file) as container:
        if not container.streams.video:
            raise Damaged(Fault(file, "a video without pictures"))
        start, last = None, 0.0
        for frame in container.decode(video=0):
            if frame.time is None:
                raise Damaged(Fault(file, "a frame without its time"))
            start = frame.time if start is None else start
            last = max(last, frame.time)
            if frame.time - start < len(pictures) - 1e-6:  # times are rounded to their base
                continue
            if frame.width * frame.height > PIXELS or len(pictures) >= SECONDS:
                raise Damaged(Fault(file, f"larger than {PIXELS} pixels or {SECONDS} s"))
            pictures.append(frame.to_image())
        _whole(file, container, container.streams.video[0], last)
    if not pictures:
        raise Damaged(Fault(file, "a video without frames"))
    return pictures


def sound(source: Path, file: str) -> tuple[npt.NDArray[np.float32], int]:
    """Samples [N, channels], full scale 1, and their rate in Hz."""
    parts: list[npt.NDArray[np.float32]] = []
    length = 0
    with _opened(source, file) as container:
        if not container.streams.audio:
            raise Damaged(Fault(file, "a video without sound"))
        from av import AudioResampler

        rate = int(container.streams.audio[0].rate)
        planes = AudioResampler(format="fltp")  # the same rate and channels, as floats
        for frame in container.decode(audio=0):
            parts += [p.to_ndarray().astype(np.float32) for p in planes.resample(frame)]
            length += frame.samples
            if length > SECONDS * rate:
                raise Damaged(Fault(file, f"longer than {SECONDS} s"))
        _whole(file, container, container.streams.audio[0], length / rate)
    if not parts:
        raise Damaged(Fault(file, "a video without samples"))
    return np.concatenate(parts, axis=1).T.astype(np.float32), rate
