"""The ledger in a real PostgreSQL: a look-up by hash, by which index, and a driver that goes on."""

import psycopg2
import pytest

from benchmarks import scale_ledger


def test_a_hash_is_looked_up_by_an_index() -> None:
    found = scale_ledger.measured(300)
    assert found["runs"] == 300
    assert "Index Scan" in str(found["plan with an index on the hash"])
    assert found["metrics a run"] > 100
    assert found["begin, s"] > 0


def test_nothing_of_a_server_is_left() -> None:
    with scale_ledger.store() as (uri, _):
        place = uri.replace("+psycopg2", "")
        client = psycopg2.connect(place)  # a client that stays does not keep the server
        assert client.server_version >= 130000
    with pytest.raises(psycopg2.OperationalError):
        psycopg2.connect(place)
