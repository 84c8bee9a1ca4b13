"""Results read from the Arrow stream."""

import duckdb
import pytest

from jobs.text.arrow import StreamFailed, records


def test_runs_of_a_part_come_with_their_bytes_and_number() -> None:
    sql = "SELECT (i // 100000)::INTEGER AS part, i || chr(10) AS record FROM range(250000) t(i) ORDER BY i"
    found: dict[int, tuple[int, bytes]] = {}
    for part, count, data in records(duckdb.connect().sql(sql)):
        number, before = found.get(part, (0, b""))
        found[part] = (number + count, before + bytes(data))
    assert [(part, number) for part, (number, _) in found.items()] == [(0, 100000), (1, 100000), (2, 50000)]
    assert b"".join(data for _, data in found.values()) == b"".join(b"%d\n" % i for i in range(250000))


def test_a_query_that_fails_behind_its_first_batch_says_why() -> None:
    late = "CASE WHEN i = 2900000 THEN error('too late') ELSE 'x' END"
    with pytest.raises((StreamFailed, duckdb.Error), match="too late"):
        list(records(duckdb.connect().sql(f"SELECT 0 AS part, {late} AS record FROM range(3000000) t(i)")))
