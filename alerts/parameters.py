"""Loading the rules' parameters for one enterprise."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.db.models import Q

from alerts.evaluation.parameters import CATALOGUE, DatedValue, Parameters
from alerts.models import RuleParameter
from meters.states import Tuning

#: Scopes by how specific they are; divisions lie between, the deeper the higher.
EVERYONE, DIVISION, INDUSTRY, FACILITY = 1, 10, 1_000, 10_000


class ParameterBook:
    """What applies to an enterprise, and to each of its facilities."""

    def __init__(self, rows: Iterable[tuple[int | None, DatedValue]]) -> None:
        self._rows = list(rows)
        self._by_facility: dict[int, Parameters] = {}
        self.enterprise = Parameters(row for owner, row in self._rows if owner is None)
        self._owners = {owner for owner, _ in self._rows if owner is not None}

    def for_facility(self, facility_id: int) -> Parameters:
        """Return the values for a facility: its own before the enterprise's."""
        if facility_id not in self._owners:
            return self.enterprise
        if facility_id not in self._by_facility:
            self._by_facility[facility_id] = Parameters(
                row for owner, row in self._rows if owner in (None, facility_id)
            )
        return self._by_facility[facility_id]


def load_parameters(*, division_path: str, industry: str, enterprise_id: int) -> ParameterBook:
    """Return the parameters for an enterprise of this county and industry; one query.

    division_path: the county's ``Division.path``, the codes from the root down.
    """
    codes = [code for code in division_path.split("/") if code]
    rows = RuleParameter.objects.filter(
        Q(division__isnull=True) | Q(division__code__in=codes),
        Q(facility__isnull=True) | Q(facility__site__enterprise=enterprise_id),
        industry__in=("", industry),
        key__in=CATALOGUE,
    ).values_list(
        "key",
        "value",
        "valid_from",
        "valid_to",
        "facility_id",
        "industry",
        "division__kind",
        "division__path",
    )
    return ParameterBook(
        (facility_id, _dated(key, value, valid_from, valid_to, facility_id, of, kind, path))
        for key, value, valid_from, valid_to, facility_id, of, kind, path in rows
    )


def load_general_parameters() -> Callable[[str, str], Parameters]:
    """Return a look-up of the parameters by county path and industry; one query for all of them.

    Those of single facilities are left out.
    """
    rows = list(
        RuleParameter.objects.filter(facility__isnull=True, key__in=CATALOGUE).values_list(
            "key",
            "value",
            "valid_from",
            "valid_to",
            "industry",
            "division__kind",
            "division__path",
        )
    )

    @cache
    def look_up(path: str, industry: str) -> Parameters:
        return Parameters(
            _dated(key, value, valid_from, valid_to, None, of, kind, where)
            for key, value, valid_from, valid_to, of, kind, where in rows
            if of in ("", industry) and path.startswith(where or "")
        )

    return look_up


def dated_for(key: str, rows: Iterable[tuple[Any, ...]], *, path: str, industry: str) -> Parameters:
    """Return one parameter's values for a county and industry out of everybody's rows.

    rows: (value, valid_from, valid_to, industry, division's kind, its path, facility). Those of
    single facilities are left out.
    """
    return Parameters(
        _dated(key, value, valid_from, valid_to, None, of, kind, where)
        for value, valid_from, valid_to, of, kind, where, facility_id in rows
        if facility_id is None and of in ("", industry) and path.startswith(where or "")
    )


def _dated(
    key: str,
    value: float,
    valid_from: datetime,
    valid_to: datetime | None,
    facility_id: int | None,
    industry: str,
    kind: str | None,
    path: str | None,
) -> DatedValue:
    if facility_id is not None:
        scope, rank = "facility", FACILITY
    elif industry:
        scope, rank = "industry", INDUSTRY
    elif path is not None and kind is not None:
        scope, rank = kind.lower(), DIVISION + len(path)
    else:
        scope, rank = "everyone", EVERYONE
    return DatedValue(key, value, scope, rank, valid_from, valid_to)


def get_tuning(params: Parameters, at: datetime) -> Tuning:
    """Return how states are read, from the parameters in force at an instant.

    A change holds for readings from then on; ``meters.segments.rebuild_segments`` reaches back.
    """
    return Tuning(
        min_duration=params.duration("state_min_duration_min", at),
        min_intervals=params.number("state_min_intervals", at),
        stale_intervals=params.number("stale_intervals", at),
        stale_floor=timedelta(minutes=params.number("stale_floor_min", at)),
        hysteresis_share=params.number("hysteresis_pct", at) / 100,
        power_cut_share=params.number("power_cut_pct", at) / 100,
        reference_share=params.number("reference_pct", at) / 100,
    )
