"""Surveys on site 现场勘察: which circuits must be metered, and how that fits what is registered.

A sheet is never edited; a later survey follows it, and the latest counts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from common.localtime import local_date
from enterprises.models import Enterprise, Facility, FacilityKind, Installation, SurveySheet
from enterprises.programme import Event, MoveRefused, move
from tenancy.models import OperatorCompany, User

MOST_ROWS = 200  # assumption: no plant of the city has as many circuits
TEXT_CHARACTERS = 2_000


@dataclass(frozen=True, slots=True)
class SurveyRow:
    """A point that the survey found necessary."""

    name: str  # of the facility to be metered
    kind: str  # FacilityKind
    rated_kw: float
    ct: str = ""  # proposed transformer, such as "400/5"; empty for a direct meter
    place: str = ""  # cabinet and circuit, in words

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> "SurveyRow":
        """Return the row as ``SurveySheet.rows`` keeps it; ignores keys of later versions."""
        return cls(
            name=str(content.get("name", "")),
            kind=str(content.get("kind", "")),
            rated_kw=float(content.get("rated_kw") or 0),
            ct=str(content.get("ct", "")),
            place=str(content.get("place", "")),
        )

    @property
    def kind_label(self) -> str:
        return str(dict(FacilityKind.choices).get(self.kind, self.kind))


def rows_of(sheet: SurveySheet) -> list[SurveyRow]:
    return [SurveyRow.from_json(content) for content in sheet.rows]


@transaction.atomic
def record_survey(
    enterprise: Enterprise,
    *,
    rows: Sequence[SurveyRow],
    surveyed_on: date,
    actor: User,
    now: datetime,
    finding: str = "",
    company: OperatorCompany | None = None,
    body: str = "",
) -> SurveySheet:
    """Write the sheet and the move (REQUIRED -> SURVEYED; later ones only follow).

    ``Installation.points_required`` is from now on what this sheet counts.
    Raises ``MoveRefused``: no point and no word why, too many, a day to come, a status in which
    nobody surveys.
    """
    finding = finding.strip()[:TEXT_CHARACTERS]
    if not rows and not finding:
        raise MoveRefused(
            _("Name at least one point to be metered, or say in the finding why there is none.")
        )
    if len(rows) > MOST_ROWS:
        raise MoveRefused(_("More than %(most)d points: divide the survey.") % {"most": MOST_ROWS})
    if surveyed_on > local_date(now):
        raise MoveRefused(_("The day of the survey has not come yet."))
    move(enterprise, Event.SURVEY, actor=actor, now=now, body=body)
    Installation.objects.filter(enterprise=enterprise).update(points_required=len(rows))
    return SurveySheet.objects.create(
        enterprise=enterprise,
        surveyed_on=surveyed_on,
        company=company,
        rows=[asdict(row) for row in rows],
        finding=finding,
        recorded_by=actor,
        recorded_at=now,
    )


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a survey asks for beside what the file holds; matched by name and kind."""

    needed: int
    registered: int  # of the needed ones
    missing: tuple[SurveyRow, ...]  # needed, not registered
    beyond: tuple[str, ...]  # registered, not named by the survey

    @property
    def is_complete(self) -> bool:
        return not self.missing


def compare(rows: Iterable[SurveyRow], facilities: Iterable[Facility]) -> Comparison:
    """Compare the sheet's points with the facilities in use; two of one name count as two."""
    rows = list(rows)
    left: dict[tuple[str, str], int] = {}
    for facility in facilities:
        key = (facility.name.strip(), facility.kind)
        left[key] = left.get(key, 0) + 1
    missing = []
    for row in rows:
        key = (row.name.strip(), row.kind)
        if left.get(key):
            left[key] -= 1
        else:
            missing.append(row)
    beyond = tuple(name for (name, _kind), count in left.items() for _one in range(count))
    return Comparison(len(rows), len(rows) - len(missing), tuple(missing), beyond)
