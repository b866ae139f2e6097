"""HJ 212 without I/O: bytes in, events out; messages in, bytes out.

The codec knows no socket, clock, database, setting or log. ``Decoder`` turns one direction of a
connection into ``Frame`` and ``Reject`` events, ``reply`` says what the host answers to a frame,
``encode`` and ``uploads`` make the bytes that a host or a collector sends. What a platform does
otherwise than the standard is data: ``FrameProfile`` and ``AnswerProfile``.
"""

from meters.protocol.answers import reply
from meters.protocol.crc import CrcKind, crc_hj212, crc_modbus, crc_text
from meters.protocol.decoder import Decoder
from meters.protocol.encoder import Message, encode, uploads, wrap
from meters.protocol.errors import LocalError
from meters.protocol.events import NEED_DATA, Event, Frame, NeedData, Reject, Version, Why
from meters.protocol.parameters import format_cp, parse_cp
from meters.protocol.profile import AnswerProfile, AnswerUploads, FrameProfile
from meters.protocol.values import format_datetime, format_qn, parse_datetime, parse_number

__all__ = [
    "NEED_DATA",
    "AnswerProfile",
    "AnswerUploads",
    "CrcKind",
    "Decoder",
    "Event",
    "Frame",
    "FrameProfile",
    "LocalError",
    "Message",
    "NeedData",
    "Reject",
    "Version",
    "Why",
    "crc_hj212",
    "crc_modbus",
    "crc_text",
    "encode",
    "format_cp",
    "format_datetime",
    "format_qn",
    "parse_cp",
    "parse_datetime",
    "parse_number",
    "reply",
    "uploads",
    "wrap",
]
