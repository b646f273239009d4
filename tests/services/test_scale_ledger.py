"""The ledger in a real PostgreSQL: a look-up by hash, by which index, and a driver that goes on."""

from benchmarks import scale_ledger


def test_a_hash_is_looked_up_by_an_index() -> None:
    found = scale_ledger.measured(300)
    assert found["runs"] == 300
    assert "Index Scan" in str(found["plan with an index on the hash"])
    assert found["metrics a run"] > 100
    assert found["begin, s"] > 0
