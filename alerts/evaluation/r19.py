"""R19 NOT_INSTALLED_OVERDUE: the day by which metering had to be installed passed unaccepted.

The due day is the last day in time; from the next midnight (Asia/Shanghai) on it is overdue, at
level 3 from ``r19_days_yellow`` whole days on, then 2 and 1. It ends with the acceptance, or when
the enterprise is exempted or no longer required. A due day that was moved takes the ground away:
the finding is gone and its occurrence withdrawn.

Source: domain reference 8 (R19): day 0, +3, +7 (assumption, configurable).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from alerts.evaluation.findings import Finding, Number, Phase, Subject
from alerts.evaluation.parameters import Parameters
from common.intervals import Span, normalise
from common.localtime import day_start, local_date

RULE = "R19"

#: (parameter, level), worst first.
STEPS = (("r19_days_red", 1), ("r19_days_orange", 2), ("r19_days_yellow", 3))
#: Statuses in which an enterprise owes its installation.
OWING = frozenset({"REQUIRED", "SURVEYED", "INSTALLING", "CONNECTED"})


@dataclass(frozen=True, slots=True)
class InstallationFacts:
    """An enterprise's part in the programme.

    moves: (at, from status, to status), ascending; status: where it stands now, which wins over
    the last move. accepted_at: stands in for a move to ACCEPTED that the log does not hold.
    """

    enterprise_id: int
    enterprise_name: str
    due_on: date | None
    status: str
    batch_name: str = ""
    moves: Sequence[tuple[datetime, str, str]] = ()
    accepted_at: datetime | None = None


def subject_key(enterprise_id: int) -> str:
    return f"enterprise:{enterprise_id}"


def evaluate(
    installation: InstallationFacts, *, params: Parameters, as_of: datetime
) -> list[Finding]:
    """Return where the enterprise was overdue, by start. as_of: our clock."""
    if installation.due_on is None:
        return []
    begins = day_start(installation.due_on + timedelta(days=1))
    found = []
    for span in normalise(_owing(installation, as_of)):
        late = Span(max(span.start, begins), span.end)
        if late.end <= late.start:
            continue
        goes_on = span.end >= as_of and installation.status in OWING
        if finding := _finding(installation, late, goes_on, params, as_of):
            found.append(finding)
    return found


def _owing(installation: InstallationFacts, as_of: datetime) -> Iterable[Span]:
    """Yield the stretches in which the installation was owed; the first has no beginning."""
    long_ago = datetime.min.replace(tzinfo=as_of.tzinfo) + timedelta(days=2)
    moves = [move for move in installation.moves if move[0] <= as_of]
    if not moves and installation.status not in OWING:
        if installation.accepted_at:
            yield Span(long_ago, min(installation.accepted_at, as_of))
        return
    since, status = long_ago, moves[0][1] if moves else installation.status
    for at, _, to_status in moves:
        if status in OWING and at > since:
            yield Span(since, at)
        since, status = at, to_status
    if installation.status in OWING and as_of > since:
        yield Span(since, as_of)


def _finding(
    installation: InstallationFacts,
    span: Span,
    goes_on: bool,
    params: Parameters,
    as_of: datetime,
) -> Finding | None:
    assert installation.due_on is not None  # noqa: S101  (evaluate asks nothing without)
    step = level_of(installation.due_on, span.end, params, as_of)
    if step is None:
        return None
    key, level = step
    return Finding(
        rule=RULE,
        subject=Subject(key=subject_key(installation.enterprise_id)),
        phase=Phase.FIRING if goes_on else Phase.ENDED,
        level=level,
        spans=(span,),
        as_of=as_of,
        numbers=(
            Number(
                "overdue_days",
                float(days_over(installation.due_on, span.end)),
                "d",
                params.at(key, as_of),
            ),
        ),
        facts={
            "enterprise": {"id": installation.enterprise_id, "name": installation.enterprise_name},
            "due_on": installation.due_on.isoformat(),
            "status": installation.status,
            "batch": installation.batch_name,
        },
    )


def days_over(due_on: date, at: datetime) -> int:
    """Return the whole days since the due day ended; 0 on the day after it."""
    return (local_date(at) - due_on).days - 1


def level_of(
    due_on: date, until: datetime, params: Parameters, at: datetime
) -> tuple[str, int] | None:
    """Return the parameter that the delay has met, and its level; None before the first."""
    late = days_over(due_on, until)
    return next(((key, level) for key, level in STEPS if late >= params.number(key, at)), None)
