"""A picture's data given a place: every shape with its coordinates, for one width. Pure.

From the top: the axis (an own drawing, so that it can stay in sight while the lanes scroll), a band
for what concerns the whole site, then group by group the clusters. A cluster is a stack of lanes,
production above the controls that serve it, with the pairing's bracket at its left and findings
drawn over it. On narrow paper a lane's name stands above its bar, else left of it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reports.picture.axis import ticks
from reports.picture.bars import thin
from reports.picture.marks import declared_marks, finding_marks, pair_marks, site_marks, wash_marks
from reports.picture.model import OFF, POWER_CUT, STANDBY, UNKNOWN, Bar, Cluster, Lane, Picture
from reports.picture.shapes import Bundle, Path, Rect, Shape, Text, Use, cut, text_width
from reports.picture.style import NARROW, WIDE, Scale, Style

#: Below this width names stand above their bars.
NARROW_BELOW = 640


@dataclass(frozen=True, slots=True)
class Drawing:
    """The axis and the lanes as two drawings of the same width, in user units (pixels)."""

    width: float
    axis: Sequence[Shape]
    axis_height: float
    lanes: Sequence[Shape]
    lanes_height: float
    plot_left: float
    plot_width: float


def lay_out(picture: Picture, width: float) -> Drawing:
    """Return the picture drawn for a box of this width."""
    style = NARROW if width < NARROW_BELOW else WIDE
    scale = Scale(picture.window, style.plot_left, width - style.plot_left - style.plot_right)
    lanes, height = _lanes(picture, style, scale, width)
    return Drawing(
        width=width,
        axis=list(_axis(picture, style, scale, width)),
        axis_height=style.axis_height,
        lanes=[*_grid(picture, style, scale, height), *lanes, *_now(picture, scale, height)],
        lanes_height=height,
        plot_left=scale.left,
        plot_width=scale.width,
    )


# --- the axis -------------------------------------------------------------------------------


def _axis(picture: Picture, style: Style, scale: Scale, width: float) -> Iterator[Shape]:
    baseline = style.axis_height - 9
    flag = picture.now_label if scale.covers(picture.window.now) else ""
    flag_half = text_width(flag, 12) / 2 + 6
    flag_x = min(scale.x(picture.window.now), width - flag_half - 2)
    for tick in ticks(picture.window, scale.width, room=style.tick_room, language=picture.language):
        x = scale.x(tick.at)
        yield Path(f"M{x:.1f} {style.axis_height - 5}V{style.axis_height}", "pic-grid-day")
        half = text_width(tick.label, 12) / 2
        if x + half > width or (flag and abs(x - flag_x) < half + flag_half + 4):
            continue
        css = "pic-axis-text pic-axis-day" if tick.is_day else "pic-axis-text"
        yield Text(max(x, half), baseline, tick.label, css, "middle")
    if flag:
        yield Rect(flag_x - flag_half, baseline - 14, 2 * flag_half, 19, "pic-now-flag", rx=3)
        yield Text(flag_x, baseline, flag, "pic-now-text", "middle")


def _grid(picture: Picture, style: Style, scale: Scale, height: float) -> Iterator[Shape]:
    for tick in ticks(picture.window, scale.width, room=style.tick_room, language=picture.language):
        css = "pic-grid-day" if tick.is_day else "pic-grid"
        yield Path(f"M{scale.x(tick.at):.1f} 0V{height:.1f}", css)


def _now(picture: Picture, scale: Scale, height: float) -> Iterator[Shape]:
    if scale.covers(picture.window.now):
        yield Path(f"M{scale.x(picture.window.now):.1f} 0V{height:.1f}", "pic-now")


# --- the lanes ------------------------------------------------------------------------------


def _lanes(picture: Picture, style: Style, scale: Scale, width: float) -> tuple[list[Shape], float]:
    shapes: list[Shape] = []
    site, y = site_marks(picture, style, scale)
    shapes += site
    for index, group in enumerate(picture.groups):
        if group.name:
            if index or y:
                shapes.append(Path(f"M0 {y + 0.5:.1f}H{width:.1f}", "pic-lane-rule"))
            shapes.append(
                Text(style.name_x, y + style.group_height - 9, group.name, "pic-line-name")
            )
            y += style.group_height
        for cluster in group.clusters:
            drawn, y = _cluster(picture, cluster, style, scale, y)
            shapes += drawn
    return shapes, y + 8


def _cluster(
    picture: Picture, cluster: Cluster, style: Style, scale: Scale, top: float
) -> tuple[list[Shape], float]:
    keys = {lane.key for lane in cluster.lanes}
    produced = {lane.key for lane in cluster.lanes if lane.kind != "control"}
    # A finding that names a production is drawn where that production stands.
    findings = [
        finding
        for finding in picture.findings
        if finding.lanes & keys and (finding.lanes & produced or not produced)
    ]
    y = top + (style.finding_height if findings else 0)
    places = {lane.key: y + index * style.lane_height for index, lane in enumerate(cluster.lanes)}
    y += len(cluster.lanes) * style.lane_height
    shapes: list[Shape] = wash_marks(findings, places, style, scale)
    shapes += [_lane(lane, style, scale, places[lane.key]) for lane in cluster.lanes]
    shapes += pair_marks(cluster, places, style, scale)
    shapes += declared_marks(picture.declared, places, style, scale)
    shapes += finding_marks(findings, places, style, scale)
    return shapes, y + style.cluster_gap


def _lane(lane: Lane, style: Style, scale: Scale, y: float) -> Bundle:
    bottom = y + style.bar_top + style.bar_height
    shapes: list[Shape] = [
        # The whole lane takes the tap, not only the bars.
        Rect(0, y, scale.right + style.plot_right, style.lane_height, "pic-hit"),
        Path(f"M{scale.left:.1f} {bottom + 0.5:.1f}H{scale.right:.1f}", "pic-lane-rule"),
    ]
    for bar in thin(lane.bars, scale.pixel * 1.5):
        shapes += _bar(bar, lane.kind, style, scale, y)
    shapes += _names(lane, style, scale, y)
    return Bundle(
        shapes,
        "pic-lane",
        lane.title,
        lane.href,
        {"lane": str(lane.key)},
        f"lane-{lane.key}-{y:.0f}",
    )


def _names(lane: Lane, style: Style, scale: Scale, y: float) -> Iterator[Shape]:
    size = 13.0
    indent = style.control_indent if lane.kind == "control" else 0
    x = style.name_x + indent
    if not style.names_above:
        yield Text(x, y + style.name_y, cut(lane.name, size, style.note_x - x), "pic-lane-name")
        yield Text(x, y + style.name_y + 16, lane.note, "pic-lane-note")
        return
    name = cut(lane.name, size, scale.width * 0.55)
    yield Text(x, y + style.name_y, name, "pic-lane-name pic-halo")
    x += text_width(name, size) + 10
    yield Text(x, y + style.name_y, lane.note, "pic-lane-note pic-halo")


def _bar(bar: Bar, kind: str, style: Style, scale: Scale, y: float) -> Iterator[Shape]:
    x, right = scale.x(bar.start), scale.x(bar.end)
    width = max(right - x, 0.8)
    top, full = y + style.bar_top, style.bar_height
    bottom = top + full
    if bar.state == OFF:
        yield Rect(x, bottom - 1.5, width, 1.5, "pic-off")
        # A hairline is hard to point at: the title answers over the whole height.
        yield Rect(x, top, width, full - 1.5, "pic-hit", bar.title)
    elif bar.state == STANDBY:
        yield Rect(x, top + full / 2, width, full / 2, f"pic-{kind}-standby", bar.title)
    elif bar.state == UNKNOWN:
        yield Rect(x, top, width, full, "pic-unknown", bar.title)
    elif bar.state == POWER_CUT:
        yield Rect(x, top, width, full, "pic-power-cut", bar.title)
        if width >= 16:
            yield Use("bolt", x + width / 2 - 8, top + full / 2 - 8, 16)
    else:
        yield Rect(x, top, width, full, f"pic-{kind}", bar.title)
    if bar.is_backfilled:
        yield Path(_backfill_ticks(x, x + width, bottom + 3), "pic-backfill")


def _backfill_ticks(left: float, right: float, y: float) -> str:
    """Return ticks six pixels apart that stand still while the picture moves under them."""
    first = int(left // 6 + 1) * 6
    places = [*range(first, int(right) + 1, 6)] or [round(left)]
    return "".join(f"M{x} {y:.1f}v4" for x in places)
