"""The measures of a picture, wide and narrow, and the scale from time to place. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from reports.picture.model import Window


@dataclass(frozen=True, slots=True)
class Style:
    """Measures in pixels; places inside a lane count from its top."""

    plot_left: float
    plot_right: float
    axis_height: float
    group_height: float
    lane_height: float
    bar_top: float
    bar_height: float
    finding_height: float
    cluster_gap: float
    name_x: float
    name_y: float
    note_x: float  # right end of the names' column
    control_indent: float
    pair_x: float  # the innermost bracket; further ones step to the left
    tick_room: float
    names_above: bool


WIDE = Style(
    plot_left=232,
    plot_right=12,
    axis_height=34,
    group_height=34,
    lane_height=44,
    bar_top=8,
    bar_height=24,
    finding_height=22,
    cluster_gap=8,
    name_x=16,
    name_y=18,
    note_x=172,
    control_indent=12,
    pair_x=216,
    tick_room=72,
    names_above=False,
)

NARROW = Style(
    plot_left=22,
    plot_right=8,
    axis_height=32,
    group_height=30,
    lane_height=54,
    bar_top=22,
    bar_height=22,
    finding_height=20,
    cluster_gap=8,
    name_x=22,
    name_y=15,
    note_x=0,
    control_indent=0,
    pair_x=12,
    tick_room=58,
    names_above=True,
)


@dataclass(frozen=True, slots=True)
class Scale:
    """Where on the plot a moment stands."""

    window: Window
    left: float
    width: float

    @property
    def right(self) -> float:
        return self.left + self.width

    @property
    def pixel(self) -> timedelta:
        """How much time one pixel holds."""
        return self.window.length / self.width

    def covers(self, at: datetime) -> bool:
        return self.window.start <= at <= self.window.end

    def x(self, at: datetime) -> float:
        """Return the place of a moment; what lies outside the window stands on its edge."""
        share = (at - self.window.start) / self.window.length
        return self.left + self.width * min(1.0, max(0.0, share))
