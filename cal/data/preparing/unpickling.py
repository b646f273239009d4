"""Arrays out of pickles of others: numpy arrays and nothing else, so that no code can run."""

import pickle
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt

from cal.data.layouts.index import Damaged, Fault

ALLOWED: dict[tuple[str, str], Any] = {}
"""Names that a pickle of an array holds -> what they stand for."""


def _allow(name: str, *modules: str, meant: Any) -> None:
    ALLOWED.update({(module, name): meant for module in modules})


_allow("ndarray", "numpy", meant=np.ndarray)
_allow("dtype", "numpy", meant=np.dtype)
_RECONSTRUCT, _FROMBUFFER = (np.zeros(1).__reduce__()[0], np.zeros(1).__reduce_ex__(5)[0])
_allow("_reconstruct", "numpy.core.multiarray", "numpy._core.multiarray", meant=_RECONSTRUCT)
_allow("_frombuffer", "numpy.core.numeric", "numpy._core.numeric", meant=_FROMBUFFER)


def _latin(text: str, encoding: str) -> bytes:
    """``_codecs.encode`` as pickles of protocol 2 use it for bytes, and no other codec."""
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"bytes by {encoding!r}")
    return text.encode("latin-1")


_allow("encode", "_codecs", meant=_latin)


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return ALLOWED[module, name]


def plain_of(file: str, content: bytes) -> Any:
    """What a pickle of arrays, lists, mappings, texts and numbers holds. Raises ``Damaged``."""
    try:
        return _ArraysOnly(BytesIO(content), encoding="latin1").load()
    except Exception as error:  # a broken pickle raises anything
        why = " ".join(str(error).split())[:120]
        raise Damaged(Fault(file, f"no pickle of a numpy array ({why})")) from None


def array_of(file: str, content: bytes) -> npt.NDArray[Any]:
    """The one array of a pickle. Raises ``Damaged``; arrays of objects are faults too."""
    found = plain_of(file, content)
    if type(found) is not np.ndarray:
        raise Damaged(Fault(file, f"a pickle of {type(found).__name__}; allowed: a numpy array"))
    if found.dtype.hasobject:
        raise Damaged(Fault(file, "an array of objects; allowed: an array of numbers"))
    return found
