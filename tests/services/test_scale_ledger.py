"""The ledger in a real PostgreSQL: a look-up by hash, by which index, and a driver that goes on."""

import pytest

from benchmarks import postgres, scale_ledger


def test_a_hash_is_looked_up_by_an_index() -> None:
    found = scale_ledger.measured(300)
    assert found["runs"] == 300
    assert "Index Scan" in str(found["plan with an index on the hash"])
    assert found["metrics a run"] > 100
    assert found["begin, s"] > 0


def test_nothing_of_a_server_is_left() -> None:
    import psycopg2

    with postgres.server() as uri:
        place = uri.replace("+psycopg2", "")
        client = psycopg2.connect(place)  # a client that stays does not keep the server
        assert client.server_version >= 130000
    with pytest.raises(psycopg2.OperationalError):
        psycopg2.connect(place)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres.Path, "glob", lambda *_: iter(()))
    with pytest.raises(SystemExit, match="apt-get install postgresql"):
        postgres.programs()
