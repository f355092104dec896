import pytest

from driftloop.kafka.clients.partitioner import murmur2, partition_of

# From org.apache.kafka.common.utils.UtilsTest, as unsigned numbers.
JAVA = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


@pytest.mark.parametrize("data", JAVA)
def test_murmur2_is_javas(data):
    assert murmur2(data) == JAVA[data] % 2**32


def test_a_key_stays_in_its_partition():
    assert len({partition_of("plant", 12) for _ in range(3)}) == 1
    assert {partition_of(f"m{number}", 4) for number in range(100)} == {0, 1, 2, 3}
