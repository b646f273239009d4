"""One file of the user's copy -> one row of prepared data. Each function raises ``Damaged``.

What no function gives is a stand-in: zeros for what is missing, a cut for what is too long, a
guess for what cannot be told.
"""

import warnings
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from cal.data.layouts.index import Array, Damaged, Fault, Settings
from cal.data.preparing import video
from cal.data.preparing.files import PIXELS, VIDEO, content
from cal.data.preparing.unpickling import array_of

Bytes = npt.NDArray[np.uint8]
Shape = tuple[int, int]  # height, width


def picture(source: Path, file: str) -> Image.Image:
    """A JPEG or PNG as RGB, as the authors' ``convert("RGB")``: grey is spread, CMYK converted,
    transparency dropped; turned by no EXIF tag. 16-bit and moving pictures are faults.
    """
    stream = BytesIO(content(source, file))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            found = Image.open(stream, formats=("JPEG", "PNG"))
        _picture_fits(file, found)
        return found.convert("RGB")
    except Damaged:
        raise
    except UnidentifiedImageError:
        raise Damaged(Fault(file, "no JPEG or PNG")) from None
    except Image.DecompressionBombError:
        raise Damaged(Fault(file, f"too many pixels; allowed: at most {PIXELS}")) from None
    except Exception as error:  # Pillow raises whatever its parsers do
        raise Damaged(Fault(file, f"no JPEG or PNG that can be read ({_line(error)})")) from None


def _picture_fits(file: str, found: Image.Image) -> None:
    if found.width * found.height > PIXELS:
        raise Damaged(
            Fault(file, f"{found.width} x {found.height} pixels; allowed: at most {PIXELS} in all")
        )
    if found.format == "PNG" and getattr(found, "n_frames", 1) > 1:
        raise Damaged(Fault(file, "a moving picture; allowed: one frame"))
    if found.mode not in ("RGB", "L", "LA", "P", "1", "RGBA", "CMYK", "YCbCr"):
        raise Damaged(Fault(file, f"pixels of mode {found.mode}; allowed: 8 bits a channel"))


def squeezed(image: Image.Image, size: int) -> Bytes:
    """[size, size, 3]: the whole image, bilinear with antialiasing, not cropped."""
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR))


def shape_of(image: Image.Image) -> Shape:
    """Height and width."""
    return image.height, image.width


def image(source: Path, file: str, settings: Settings) -> tuple[Bytes, Shape]:
    """A still image [1, size, size, 3], and its true shape."""
    found = picture(source, file)
    return squeezed(found, settings.size)[None], shape_of(found)


def chosen(count: int, frames: int) -> list[int]:
    """Which of ``count`` frames are stored: evenly spaced from the first; the last repeats where
    there are fewer than ``frames``.
    """
    if count <= frames:
        return [min(i, count - 1) for i in range(frames)]
    return [i * count // frames for i in range(frames)]


def frames(source: Path, files: Sequence[str], settings: Settings) -> tuple[Bytes, Shape]:
    """[frames, size, size, 3] of image files in order, or of one video seen once a second."""
    if len(files) == 1 and files[0].endswith(VIDEO):
        found = video.once_a_second(source, files[0])
        pictures = [found[i] for i in chosen(len(found), settings.frames)]
    else:
        pictures = [picture(source, files[i]) for i in chosen(len(files), settings.frames)]
    shapes = [shape_of(p) for p in pictures]
    for i, shape in enumerate(shapes):
        if shape != shapes[0]:
            raise Damaged(
                Fault(
                    files[chosen(len(files), settings.frames)[i]],
                    f"{shape[1]} x {shape[0]} pixels; the first frame has "
                    f"{shapes[0][1]} x {shapes[0][0]}",
                )
            )
    return np.stack([squeezed(p, settings.size) for p in pictures]), shapes[0]


def text_row(file: str, text: str, settings: Settings) -> Bytes:
    """[text_bytes] UTF-8 filled up with 0. An empty text and one that is too long are faults."""
    encoded = text.encode("utf-8", "replace")  # half a surrogate pair, told below
    limit = settings.text_bytes
    if not text.strip():
        raise Damaged(Fault(file, "an empty text"))
    if len(encoded) > limit:
        raise Damaged(
            Fault(file, f"a text of {len(encoded)} bytes; allowed: at most {limit} (--text-bytes)")
        )
    if "\0" in text or encoded.decode() != text:
        raise Damaged(Fault(file, "a text with characters that are none in UTF-8"))
    row = np.zeros(limit, np.uint8)
    row[: len(encoded)] = np.frombuffer(encoded, np.uint8)
    return row


def text_file(source: Path, file: str) -> str:
    """A file's text without spaces around it. It must be UTF-8; a BOM is dropped."""
    try:
        return content(source, file).decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise Damaged(
            Fault(file, f"no UTF-8: byte {error.object[error.start]:#04x} at {error.start}")
        ) from None


def spectrogram(source: Path, file: str, *, shape: Shape) -> npt.NDArray[np.float32]:
    """[F, T] float32: the array that a ``.pkl`` holds, as it is. ``shape``: what it must have."""
    found = array_of(file, content(source, file))
    if found.shape != shape:
        raise Damaged(Fault(file, f"an array of shape {found.shape}; allowed: {shape}"))
    if found.dtype.kind not in "fiu":
        raise Damaged(Fault(file, f"an array of {found.dtype}; allowed: numbers"))
    if not np.isfinite(found).all():
        raise Damaged(Fault(file, "NaN or infinite values"))
    return found.astype(np.float32)


def _line(error: Exception) -> str:
    """What a library says, in one line."""
    return " ".join(str(error).split())[:120] or type(error).__name__


def row(**given: Array | tuple[Bytes, Shape]) -> dict[str, Array]:
    """What a layout's ``decode`` gives: a picture and its shape make two arrays."""
    made: dict[str, Array] = {}
    for name, value in given.items():
        if isinstance(value, tuple):
            made[name] = value[0]
            made[f"shape/{name}"] = np.array(value[1], np.int32)
        else:
            made[name] = value
    return made
