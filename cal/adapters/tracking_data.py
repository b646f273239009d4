"""What a run was trained on, as the ledger keeps it."""

from cal import data
from cal.adapters.tracking_rows import Data
from cal.config import Config

SOURCE = "packaged with cal-lab"


def data_of(config: Config) -> Data:
    """The data of a run by the fingerprint of all its parts."""
    digest = data.fingerprint(config.data, seed=config.seed)
    return Data(config.data.name, digest, SOURCE)
