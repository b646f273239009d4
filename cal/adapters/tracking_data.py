"""What a run was trained on, as the ledger keeps it."""

from cal.adapters.tracking_rows import Data
from cal.config import Config
from cal.data.loading import fingerprint
from cal.modalities import EMBEDDED

SOURCE = "packaged with cal-lab"
OWN = "the user's"


def data_of(config: Config) -> Data:
    """The data of a run by the fingerprint of all its parts."""
    digest = fingerprint(config.data, seed=config.seed)
    return Data(config.data.name, digest, SOURCE if config.data.name in EMBEDDED else OWN)
