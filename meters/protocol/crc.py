"""Checksums of a data segment: HJ 212's own, and CRC-16/Modbus for devices that send that instead.

How the fast form of HJ 212's checksum works
--------------------------------------------
HJ 212-2017, Appendix A: the register starts at FFFF; each byte replaces the *low* half of the
register by ``(register >> 8) xor byte`` and then shifts out eight bits through polynomial A001.
The low half is thrown away, so only eight bits survive from byte to byte:

    x(1) = FF xor byte(1)          x(k+1) = g(x(k)) xor byte(k+1)          result = t(x(n))

``t`` is the usual table of A001 and ``g(x) = t(x) >> 8``. Both are linear over XOR, and ``g``
applied eight times is the identity. Hence bytes eight apart can be XORed together before anything
else: the segment folds, as one big integer, into eight lanes, and eight table look-ups finish the
work. The tests hold this equal to the definition, bit by bit, on arbitrary data.

The same fact says how weak the checksum is: exchange two bytes eight apart and it does not notice.
A right CRC is no proof that a frame is meant.
"""

from enum import StrEnum

_POLYNOMIAL = 0xA001


class CrcKind(StrEnum):
    """How a sender may have computed and printed the four digits after the segment."""

    HJ212 = "hj212"
    # Recorded collectors (tonyxia2016/HJ212Receiver, rx.log) print Modbus low byte first.
    MODBUS_SWAPPED = "modbus_swapped"
    # A public mock (1052666/1052-OS) prints it high byte first.
    MODBUS = "modbus"


def _shift_out(register: int) -> int:
    for _ in range(8):
        register = (register >> 1) ^ (_POLYNOMIAL if register & 1 else 0)
    return register


_TABLE = tuple(_shift_out(value) for value in range(256))


def _lane_tables() -> tuple[tuple[int, ...], ...]:
    """Tables for lanes 7..0: what a byte contributes when that many bytes, mod 8, follow it."""
    lanes = []
    carried = list(range(256))
    for _ in range(8):
        lanes.append(tuple(_TABLE[value] for value in carried))
        carried = [_TABLE[value] >> 8 for value in carried]
    return tuple(reversed(lanes))


_L7, _L6, _L5, _L4, _L3, _L2, _L1, _L0 = _lane_tables()


def crc_hj212(segment: bytes) -> int:
    """Return HJ 212's CRC of a data segment as a 16-bit number; print it as four hex digits.

    An empty segment gives FFFF. Any length is accepted; 330 bytes cost a few microseconds.
    Source: HJ 212-2017, Appendix A (its example ends in 1C80); unchanged in HJ 212-2025.
    """
    size = len(segment)
    if not size:
        return 0xFFFF
    # The register's FF meets the first byte, which is followed by size - 1 others.
    folded = int.from_bytes(segment, "big") ^ (0xFF << (8 * (size - 1)))
    words = (size + 7) // 8
    while words > 1:
        words = (words + 1) // 2
        shift = 64 * words
        folded = (folded >> shift) ^ (folded & ((1 << shift) - 1))
    a, b, c, d, e, f, g, h = folded.to_bytes(8, "big")
    return _L7[a] ^ _L6[b] ^ _L5[c] ^ _L4[d] ^ _L3[e] ^ _L2[f] ^ _L1[g] ^ _L0[h]


def crc_modbus(segment: bytes) -> int:
    """Return CRC-16/Modbus of a data segment as a 16-bit number.

    Not what the standard asks for; only for profiles that tolerate it. Costs about five times
    as much as ``crc_hj212``.
    """
    register = 0xFFFF
    table = _TABLE
    for byte in segment:
        register = (register >> 8) ^ table[(register ^ byte) & 0xFF]
    return register


def crc_text(segment: bytes, kind: CrcKind = CrcKind.HJ212) -> bytes:
    """Return the four upper-case hex digits that stand after a data segment.

    HJ 212-2017 prints the high byte first and in upper case.
    """
    if kind is CrcKind.HJ212:
        value = crc_hj212(segment)
    else:
        value = crc_modbus(segment)
        if kind is CrcKind.MODBUS_SWAPPED:
            value = (value & 0xFF) << 8 | value >> 8
    return b"%04X" % value
