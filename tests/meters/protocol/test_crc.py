"""The checksum against its definition and the published check values."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meters.protocol import CrcKind, crc_hj212, crc_modbus, crc_text
from tests.meters.protocol.helpers import bitwise_crc

APPENDIX_A = (
    b"QN=20160801085857223;ST=32;CN=1062;PW=100000;MN=010000A8900016F000169DC0;Flag=5;"
    b"CP=&&RtdInterval=30&&"
)
APPENDIX_A1_2025 = (
    b"QN=20240601085857223;ST=32;CN=1011;PW=123456;MN=010000A8900016F000169DC0;Flag=9;CP=&&&&"
)


@pytest.mark.parametrize(
    ("data", "hj212", "modbus"),
    [
        (b"", "FFFF", "FFFF"),
        (b"A", "7080", "707F"),
        (b"123456789", "2F80", "4B37"),
        (APPENDIX_A, "1C80", "0759"),
        (APPENDIX_A1_2025, "2200", "CCF4"),
        (b"Q", "BC81", None),
        (b"QN", "8581", None),
        (b"QN=", "7200", None),
    ],
)
def test_it_gives_the_published_check_values(data: bytes, hj212: str, modbus: str | None) -> None:
    assert crc_text(data) == hj212.encode()
    if modbus:
        assert crc_text(data, CrcKind.MODBUS) == modbus.encode()
        swapped = modbus[2:] + modbus[:2]
        assert crc_text(data, CrcKind.MODBUS_SWAPPED) == swapped.encode()


@given(st.binary(max_size=200))
def test_folding_equals_the_definition(data: bytes) -> None:
    assert crc_hj212(data) == bitwise_crc(data)


def test_folding_equals_the_definition_at_every_length_to_300_and_beyond() -> None:
    source = random.Random(212)
    for size in [*range(300), 1023, 1024, 1025, 4096, 9999]:
        data = source.randbytes(size)
        assert crc_hj212(data) == bitwise_crc(data), size


def test_it_does_not_see_an_exchange_of_bytes_eight_apart() -> None:
    exchanged = bytearray(APPENDIX_A)
    exchanged[10], exchanged[18] = exchanged[18], exchanged[10]
    assert bytes(exchanged) != APPENDIX_A
    assert crc_hj212(exchanged) == crc_hj212(APPENDIX_A)
    assert crc_modbus(exchanged) != crc_modbus(APPENDIX_A)
