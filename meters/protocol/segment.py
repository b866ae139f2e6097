"""The data segment (数据段): ``QN=..;ST=..;CN=..;PW=..;MN=..;Flag=..;CP=&&..&&``."""

import re

# Found by search, not by its `;`: HJ 212-2017 itself prints `Flag=5CP=&&` in C.19.
CP_OPEN = b"CP=&&"
CP_CLOSE = b"&&"

_FIELD = re.compile(r"(?:\A|;)([^=;]*)=([^;]*)")


def split_segment(segment: bytes) -> tuple[dict[str, str], bytes] | None:
    """Return the header fields and the body of the CP, or None if there is no ``CP=&&..&&``.

    Names are case-sensitive (HJ 212-2017). The header is ASCII by the standard; other bytes are
    kept one for one (Latin-1), so that an answer echoes PW and MN exactly as they came. A name
    given twice has its later value; text without ``=`` is passed over.
    """
    opened = segment.find(CP_OPEN)
    start = opened + len(CP_OPEN)
    end = len(segment) - len(CP_CLOSE)
    if opened < 0 or end < start or not segment.endswith(CP_CLOSE):
        return None
    return dict(_FIELD.findall(segment[:opened].decode("latin-1"))), segment[start:end]
