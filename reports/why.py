"""Why an alert was raised and what speaks against it: an occurrence's evidence in words."""

from datetime import datetime
from typing import Any

from alerts.models import Occurrence
from alerts.numbers import describe_numbers


def get_why(occurrence: Occurrence | None) -> dict[str, Any]:
    """Return what the page's sections on reasons and doubts show."""
    evidence: dict[str, Any] = occurrence.evidence if occurrence else {}
    suppressed = evidence.get("suppressed_by") or {}
    as_of = evidence.get("as_of")
    return {
        "numbers": describe_numbers(evidence),
        "unknown_minutes": evidence.get("unknown_minutes") or 0,
        "backfilled": bool(evidence.get("backfilled")),
        "as_of": datetime.fromisoformat(as_of) if as_of else None,
        "suppressed_by": suppressed.get("text", "") if isinstance(suppressed, dict) else suppressed,
    }
