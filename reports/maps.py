"""The city's outline: names and borders of its counties, from ``static/maps``."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.conf import settings

FOLDER = Path(settings.BASE_DIR) / "static" / "maps"


@dataclass(frozen=True, slots=True)
class County:
    code: str
    name: str
    path: str
    label: tuple[float, float]


@dataclass(frozen=True, slots=True)
class CityMap:
    view_box: str
    counties: tuple[County, ...]


@cache
def _load(code: str) -> CityMap | None:
    file = FOLDER / f"{code}.json"
    if not file.is_file():
        return None
    content = json.loads(file.read_text(encoding="utf-8"))
    counties = tuple(
        County(row["code"], row["name"], row["path"], tuple(row["label"]))
        for row in content["counties"]
    )
    return CityMap(content["viewBox"], counties)


def get_map(division_path: str) -> CityMap | None:
    """Return the map of the city in which the division lies, None where there is no such file.

    For a province it is the first of its cities that has a map, for the whole country the first.
    """
    codes = [code for code in division_path.split("/") if code]
    for code in reversed(codes):
        if found := _load(code):
            return found
    if len(codes) > 1 or (codes and not codes[0].endswith("0000")):
        return None
    province = codes[0][:2] if codes else ""
    files = sorted(file.stem for file in FOLDER.glob(f"{province}*.json"))
    return _load(files[0]) if files else None
