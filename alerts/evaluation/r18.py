"""R18 CALIBRATION_EXPIRED: a meter's verification certificate runs out, or has run out.

Told ``r18_notice_days`` before the last day of the certificate, and again in its level
(``r18_level_expired``) from that day on. Meters behind one collector whose certificates end on the
same day are one matter: they are verified together. It ends with the record of a new certificate,
and is gone (withdrawn) where the record turns out to have been older than the notice. Days are
those of Asia/Shanghai. A meter without a certificate is a matter of acceptance, not of this rule.

Source: domain reference 8 (R18): 30 days before and on the day (assumption, configurable).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from alerts.evaluation.findings import Finding, Number, Phase, Subject
from alerts.evaluation.parameters import Parameters
from common.intervals import Span, normalise
from common.localtime import day_start, local_date

RULE = "R18"


@dataclass(frozen=True, slots=True)
class Certificate:
    """A meter record with a certificate, from and until it was in force on a point in use."""

    collector_id: int
    mn: str
    site_id: int
    site_name: str
    facility_name: str
    serial: str
    number: str
    expires_on: date
    valid_from: datetime
    valid_to: datetime | None  # None while it is in force


def subject_key(collector_id: int, expires_on: date) -> str:
    """Return the subject of the certificates behind a collector that end on one day."""
    return f"collector:{collector_id}/expires:{expires_on.isoformat()}"


def evaluate(
    certificates: Iterable[Certificate], *, params: Parameters, as_of: datetime
) -> list[Finding]:
    """Return a finding for each collector and day on which certificates end, by start.

    as_of: our clock; records made later are not looked at.
    """
    together: dict[tuple[int, date], list[Certificate]] = defaultdict(list)
    for certificate in certificates:
        if certificate.valid_from <= as_of:
            together[certificate.collector_id, certificate.expires_on].append(certificate)
    found = [
        finding
        for (_, expires_on), members in together.items()
        for finding in _judge(members, expires_on, params, as_of)
    ]
    return sorted(found, key=lambda finding: (finding.span, finding.subject.key))


def _judge(
    members: Sequence[Certificate], expires_on: date, params: Parameters, as_of: datetime
) -> Iterable[Finding]:
    notice = params.duration("r18_notice_days", as_of)
    start = day_start(expires_on) - notice
    spans = normalise(
        (max(start, each.valid_from), _until(each, as_of))
        for each in members
        if _until(each, as_of) > max(start, each.valid_from)
    )
    for span in spans:
        concerned = [
            each for each in members if each.valid_from < span.end and _until(each, as_of) > start
        ]
        in_force = [each for each in concerned if _is_in_force(each, as_of)]
        goes_on = span.end >= as_of and bool(in_force)
        yield _finding(in_force if goes_on else concerned, expires_on, span, goes_on, params, as_of)


def _until(certificate: Certificate, as_of: datetime) -> datetime:
    return min(certificate.valid_to or as_of, as_of)


def _is_in_force(certificate: Certificate, as_of: datetime) -> bool:
    return certificate.valid_to is None or certificate.valid_to > as_of


def _finding(
    concerned: Sequence[Certificate],
    expires_on: date,
    span: Span,
    goes_on: bool,
    params: Parameters,
    as_of: datetime,
) -> Finding:
    first = concerned[0]
    days_left = (expires_on - local_date(span.end)) // timedelta(days=1)
    level_key = "r18_level_notice" if days_left > 0 else "r18_level_expired"
    threshold = params.at("r18_notice_days", as_of)
    serials = {each.serial: each for each in concerned}
    return Finding(
        rule=RULE,
        subject=Subject(
            key=subject_key(first.collector_id, expires_on),
            collector_id=first.collector_id,
            site_id=first.site_id,
        ),
        phase=Phase.FIRING if goes_on else Phase.ENDED,
        level=int(params.number(level_key, as_of)),
        spans=(span,),
        as_of=as_of,
        numbers=(
            Number("certificate_days_left", float(days_left), "d", threshold)
            if days_left > 0
            else Number("certificate_days_over", float(-days_left), "d"),
        ),
        facts={
            "collector": {"id": first.collector_id, "mn": first.mn},
            "site": {"id": first.site_id, "name": first.site_name},
            "expires_on": expires_on.isoformat(),
            "is_expired": days_left < 0,
            "meters": [
                {"serial": each.serial, "facility": each.facility_name, "certificate": each.number}
                for each in sorted(serials.values(), key=lambda each: each.serial)
            ],
        },
    )
