"""The city overview and the part of it that renews itself."""

from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from common import formats
from common.web import nothing_new
from reports.maps import CityMap, get_map
from reports.queries.city import CityView, CountyRow, get_city, get_city_token
from tenancy.access import Permission
from tenancy.eyes import get_eyes, person

#: The least suspected alerts of each shade of the map.
BANDS = (0, 1, 3, 6, 10)


@dataclass(frozen=True, slots=True)
class MapCounty:
    """A county as ``components/county_map.html`` draws it."""

    code: str
    name: str
    path: str
    label: tuple[float, float]
    value: str
    band: int | None
    suspected: int
    url: str


def city(request: HttpRequest) -> HttpResponse:
    """Show the whole city, or what the reader may see of it."""
    return render(request, "reports/city.html", _context(request))


def city_live(request: HttpRequest) -> HttpResponse:
    """Answer the part of the overview that renews itself; 204 while nothing changed."""
    if unchanged := nothing_new(request, _token()):
        return unchanged
    return render(request, "reports/city_live.html", _context(request))


def _token() -> str:
    return get_city_token(now=timezone.now())


def _context(request: HttpRequest) -> dict[str, Any]:
    eyes = get_eyes(request)
    if not eyes.is_authority:
        raise PermissionDenied
    county = "".join(char for char in request.GET.get("county", "") if char.isalnum())
    now = timezone.now()
    # The token first: what changes while we read is then seen by the next question.
    token = _token()
    view = get_city(person(request), now=now, county=county)
    city_map = get_map(eyes.division_path) if eyes.sees_many_counties else None
    rows = _all_counties(view, city_map)
    return {
        "view": view,
        "rows": rows,
        "county": county,
        "county_name": next((row.name for row in rows if row.code == county), county),
        "county_query": f"&county={county}" if county else "",
        "now": now,
        "may_see_programme": eyes.may(Permission.SEE_PROGRAMME),
        "silent": view.total.collectors - view.total.online,
        "missing": view.total.required - view.total.installed,
        "live_url": f"{reverse('city_live')}?{_query(token, county)}",
        "view_box": city_map.view_box if city_map else "",
        "map_counties": _map_counties(city_map, view) if city_map else [],
        "bands": _bands(),
        "change_today": view.total.today - view.total.yesterday,
        "tone_today": _tone(view.total.today - view.total.yesterday),
    }


def _query(token: str, county: str) -> str:
    return f"v={token}" + (f"&county={county}" if county else "")


def _tone(change: int) -> str:
    return "worse" if change > 0 else "better" if change < 0 else "same"


def _all_counties(view: CityView, city_map: CityMap | None) -> list[CountyRow]:
    """Return a row for each county, also where no enterprise is registered yet."""
    rows = {row.code: row for row in view.counties}
    for county in city_map.counties if city_map else ():
        rows.setdefault(county.code, CountyRow(county.code, county.name))
    return sorted(rows.values(), key=lambda row: row.code)


def _map_counties(city_map: CityMap, view: CityView) -> list[MapCounty]:
    counted = {row.code: row for row in view.counties}
    out = []
    for county in city_map.counties:
        row = counted.get(county.code)
        out.append(
            MapCounty(
                code=county.code,
                name=row.name if row else county.name,
                path=county.path,
                label=county.label,
                value=formats.percent(row.online, row.collectors) if row else formats.MISSING,
                band=_band(row.suspected) if row and row.required else None,
                suspected=row.suspected if row else 0,
                url=f"{reverse('city')}?county={county.code}",
            )
        )
    return out


def _band(suspected: int) -> int:
    return max(band for band, least in enumerate(BANDS) if suspected >= least)


def _bands() -> list[dict[str, object]]:
    labels = []
    for band, least in enumerate(BANDS):
        if band + 1 == len(BANDS):
            labels.append(_("%(count)d or more") % {"count": least})
        elif BANDS[band + 1] - 1 == least:
            labels.append(str(least))
        else:
            labels.append(f"{least}–{BANDS[band + 1] - 1}")
    return [{"band": band, "label": label} for band, label in enumerate(labels)]
