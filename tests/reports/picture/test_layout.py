"""Where things stand on the picture, wide and narrow. No database."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest

from reports.picture import (
    Bar,
    Cluster,
    Declared,
    Finding,
    Group,
    Lane,
    Pair,
    Picture,
    Window,
    lay_out,
    render_svg,
)
from reports.picture.model import OFF, ON, POWER_CUT, STANDBY, UNKNOWN
from reports.picture.shapes import Bundle, Path, Rect, Text, Use, cut, text_width

NOW = datetime(2026, 11, 23, 18, 20, tzinfo=UTC)
START = NOW - timedelta(hours=10)
WIDE, NARROW = 1256, 364


def at(hour: float) -> datetime:
    return START + timedelta(hours=hour)


def lane(key: int, kind: str, *bars: Bar, name: str = "1号中频炉") -> Lane:
    return Lane(key, name, kind, bars=bars, title=name, href=f"?facility={key}")


def picture(*, findings=(), declared=(), bars=None, end: datetime = NOW) -> Picture:
    furnace = lane(1, "production", *(bars or (Bar(ON, at(0), at(10), title="furnace on"),)))
    other = lane(2, "production", Bar(OFF, at(0), at(10)), name="2号中频炉")
    fan = lane(3, "control", Bar(STANDBY, at(0), at(5)), Bar(UNKNOWN, at(5), at(10)), name="风机A")
    pair = Pair(9, "任一", "除尘：任一", (1, 2), (3,))
    main = lane(4, "main", Bar(ON, at(0), at(10)), name="企业总表")
    return Picture(
        window=Window(START, end, NOW),
        groups=(
            Group("熔炼线", (Cluster((furnace, other, fan), (pair,)),)),
            Group("全厂", (Cluster((main,)),)),
        ),
        findings=tuple(findings),
        declared=tuple(declared),
        now_label="现在 02:20",
        label="what ran when",
    )


def shapes(drawn) -> Iterator[object]:
    for shape in drawn:
        yield shape
        if isinstance(shape, Bundle):
            yield from shapes(shape.children)


def rects(drawn, css: str) -> list[Rect]:
    return [shape for shape in shapes(drawn) if isinstance(shape, Rect) and shape.css == css]


def words(drawn) -> list[str]:
    return [shape.words for shape in shapes(drawn) if isinstance(shape, Text)]


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_a_bar_stands_where_its_time_is(width):
    drawing = lay_out(picture(bars=(Bar(ON, at(2.5), at(5)),)), width)
    (bar,) = rects(drawing.lanes, "pic-production")
    assert bar.x == pytest.approx(drawing.plot_left + drawing.plot_width * 0.25)
    assert bar.width == pytest.approx(drawing.plot_width * 0.25)


def test_each_state_has_its_own_shape():
    states = (ON, STANDBY, OFF, UNKNOWN, POWER_CUT)
    bars = tuple(Bar(state, at(2 * n), at(2 * n + 2)) for n, state in enumerate(states))
    drawing = lay_out(picture(bars=bars), WIDE)
    on = rects(drawing.lanes, "pic-production")[0]
    standby = rects(drawing.lanes, "pic-production-standby")[0]
    off = rects(drawing.lanes, "pic-off")[0]
    unknown = rects(drawing.lanes, "pic-unknown")[0]
    power_cut = rects(drawing.lanes, "pic-power-cut")[0]
    assert standby.height == on.height / 2
    assert off.height < 2
    assert unknown.height == power_cut.height == on.height
    # All stand on one ground line.
    grounds = {rect.y + rect.height for rect in (on, standby, off, unknown, power_cut)}
    assert len(grounds) == 1
    assert "bolt" in [shape.symbol for shape in shapes(drawing.lanes) if isinstance(shape, Use)]


def test_the_control_stands_directly_under_its_productions_and_the_main_meter_last():
    drawing = lay_out(picture(), WIDE)
    lanes = [s for s in drawing.lanes if isinstance(s, Bundle) and s.css == "pic-lane"]
    assert [bundle.data["lane"] for bundle in lanes] == ["1", "2", "3", "4"]


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_pairings_mode_is_written_on_its_bracket(width):
    assert "任一" in words(lay_out(picture(), width).lanes)


@pytest.mark.parametrize("width", [WIDE, NARROW, 320])
def test_nothing_runs_out_of_the_drawing(width):
    finding = Finding("疑似治污设施未运行", at(9.8), at(10), lanes=frozenset({1, 3}))
    declared = Declared("报备：检修", at(8), at(12), lanes=frozenset({3}))
    drawing = lay_out(picture(findings=[finding], declared=[declared]), width)
    for shape in shapes([*drawing.axis, *drawing.lanes]):
        if isinstance(shape, Rect):
            assert shape.x >= 0
            assert shape.x + shape.width <= width + 0.1
        if isinstance(shape, Text) and shape.anchor == "start":
            assert shape.x + text_width(shape.words, 12) * 0.9 <= width


def test_a_finding_spans_its_lanes_and_names_its_rule():
    finding = Finding(
        "疑似治污设施未运行", at(6), at(8), href="/alerts/7/", lanes=frozenset({1, 3})
    )
    drawing = lay_out(picture(findings=[finding]), WIDE)
    bundle = next(s for s in shapes(drawing.lanes) if getattr(s, "css", "") == "pic-finding")
    assert bundle.href == "/alerts/7/"
    assert words([bundle]) == ["疑似治污设施未运行"]
    # The wash marks the lanes concerned, not the one between them.
    assert len(rects(drawing.lanes, "pic-suspected-wash")) == 2


@pytest.mark.parametrize(
    ("start", "end", "ongoing", "sides"),
    [(6, 8, False, 2), (6, 10, True, 1), (-1, 8, False, 1), (-1, 10, True, 0)],
)
def test_a_bracket_is_open_where_the_matter_goes_on(start, end, ongoing, sides):
    finding = Finding("x", at(start), at(end), lanes=frozenset({1, 3}), is_ongoing=ongoing)
    drawing = lay_out(picture(findings=[finding]), WIDE)
    bracket = next(
        s for s in shapes(drawing.lanes) if isinstance(s, Path) and s.css == "pic-suspected"
    )
    assert len(re.findall("V", bracket.d)) == sides


def test_a_dismissed_finding_is_hollow():
    finding = Finding("x", at(6), at(8), lanes=frozenset({1, 3}), is_suspected=False)
    drawing = lay_out(picture(findings=[finding]), WIDE)
    assert rects(drawing.lanes, "pic-suspected-wash") == []
    assert [s for s in shapes(drawing.lanes) if getattr(s, "css", "") == "pic-dismissed"]


def test_where_names_collide_the_one_still_suspected_is_written():
    dismissed = Finding("先前已排除", at(8), at(8.2), lanes=frozenset({1}), is_suspected=False)
    suspected = Finding("现在疑似", at(8.3), at(9), lanes=frozenset({1}))
    drawing = lay_out(picture(findings=[dismissed, suspected]), NARROW)
    assert "现在疑似" in words(drawing.lanes)
    assert "先前已排除" not in words(drawing.lanes)


def test_what_names_no_lane_stands_above_all():
    drawing = lay_out(picture(findings=[Finding("疑似停电", at(3), at(4))]), WIDE)
    bundle = next(s for s in drawing.lanes if getattr(s, "css", "") == "pic-finding")
    first = next(s for s in drawing.lanes if getattr(s, "css", "") == "pic-lane")
    assert bundle.children[0].y < first.children[0].y


def test_back_filled_data_have_ticks_under_the_bar():
    drawing = lay_out(picture(bars=(Bar(ON, at(1), at(3), is_backfilled=True),)), WIDE)
    assert [s for s in shapes(drawing.lanes) if getattr(s, "css", "") == "pic-backfill"]


def test_the_live_edge_says_now_and_a_past_window_does_not():
    assert "现在 02:20" in words(lay_out(picture(), WIDE).axis)
    past = picture(end=NOW - timedelta(hours=1))
    assert "现在 02:20" not in words(lay_out(past, WIDE).axis)


def test_long_names_are_cut_with_an_ellipsis():
    assert cut("企业" * 40, 13, 100).endswith("…")
    assert text_width(cut("企业" * 40, 13, 100), 13) <= 100


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_svg_is_well_formed_and_fit_for_a_strict_policy(width):
    finding = Finding('<b>"x"', at(6), at(8), title="a<b", href="/a/?x=1&y=2", lanes=frozenset({1}))
    drawing = lay_out(picture(findings=[finding]), width)
    svg = render_svg(drawing.lanes, width=width, height=drawing.lanes_height, label='a"b')
    root = ElementTree.fromstring(svg)  # noqa: S314  (our own output)
    assert not [
        e for e in root.iter() if "style" in e.attrib or e.tag.endswith(("style", "script"))
    ]
    assert not [name for e in root.iter() for name in e.attrib if name.startswith("on")]
    assert "furnace on" in [e.text for e in root.iter() if e.tag.endswith("title")]
