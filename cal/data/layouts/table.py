"""The one table of layouts, and how a name finds one."""

import difflib
from importlib import import_module

from cal import own
from cal.config import ConfigError
from cal.data.layouts.ave import Ave
from cal.data.layouts.crema_d import CremaD
from cal.data.layouts.index import Layout
from cal.data.layouts.kinetics_sounds import KineticsSounds, KineticsSoundsArl
from cal.data.layouts.mvsa import Mvsa
from cal.data.layouts.nyud2 import Nyud2

LAYOUTS: dict[str, Layout] = {
    layout.name: layout
    for layout in (CremaD(), KineticsSounds(), KineticsSoundsArl(), Ave(), Mvsa(), Nyud2())
}
"""By the names of ``cal.modalities.ON_DISK``."""
NEEDED = ("name", "modalities", "published", "settings", "index", "decode")


def find_layout(name: str) -> Layout:
    """The layout of a name, or of one's own: ``my.module:MyData``, or an entry point of it.

    Raises ``ConfigError`` with the nearest name.
    """
    path = own.path_of(name)
    if ":" in path:
        return _own(path)
    if name not in LAYOUTS:
        near = difflib.get_close_matches(name, LAYOUTS, n=1)
        also = f"; did you mean {near[0]}?" if near else ""
        raise ConfigError(
            f"NAME: given {name}; allowed: {', '.join(LAYOUTS)}, my.module:MyData{also}"
        )
    return LAYOUTS[name]


def _own(name: str) -> Layout:
    module, _, attribute = name.partition(":")
    try:
        made: Layout = getattr(import_module(module), attribute)()
    except (ImportError, AttributeError, TypeError) as error:
        raise ConfigError(f"NAME: given {name}; it cannot be made ({error})") from None
    missing = [m for m in NEEDED if not hasattr(made, m)]
    if missing:
        raise ConfigError(f"NAME: given {name}; it has no {', '.join(missing)}; a layout has all")
    return made
