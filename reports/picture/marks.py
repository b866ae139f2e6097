"""What is drawn around and over lanes: pairings, declarations, findings. Pure."""

from collections.abc import Mapping, Sequence

from reports.picture.model import Cluster, Declared, Finding, Picture
from reports.picture.shapes import Bundle, Path, Rect, Shape, Text, Use, text_width
from reports.picture.style import Scale, Style

#: Lane key -> top of the lane.
Places = Mapping[int, float]


def pair_marks(cluster: Cluster, places: Places, style: Style, scale: Scale) -> list[Shape]:
    """Return the thin bracket of each pairing, with its mode in words on it."""
    shapes: list[Shape] = []
    middle = style.bar_top + style.bar_height / 2
    for index, pair in enumerate(cluster.pairs):
        productions = [places[key] + middle for key in pair.productions if key in places]
        controls = [places[key] + middle for key in pair.controls if key in places]
        if not productions or not controls:
            continue
        x = style.pair_x - index * (4 if style.names_above else 14)
        reach = 8 if style.names_above else 10
        top, bottom = min(productions), max(controls)
        hooks = "".join(f"M{x:.1f} {y:.1f}h{reach}" for y in (*productions, *controls))
        parts: list[Shape] = [Path(f"M{x:.1f} {top:.1f}V{bottom:.1f}{hooks}", "pic-pairing")]
        width = text_width(pair.mode, 11) + 8
        # On the line, between the last production and the first control; where names stand above
        # their bars, at the right end of the first control's name.
        flag_x = scale.right - width / 2 if style.names_above else x
        y = (max(productions) + min(controls)) / 2
        if style.names_above:
            y = min(controls) - middle + style.name_y - 4
        parts += [
            Rect(flag_x - width / 2, y - 8, width, 16, "pic-pairing-flag", rx=3),
            Text(flag_x, y + 4, pair.mode, "pic-pairing-text", "middle"),
        ]
        shapes.append(Bundle(parts, "pic-pair", pair.title))
    return shapes


def declared_marks(
    declared: Sequence[Declared], places: Places, style: Style, scale: Scale
) -> list[Shape]:
    """Return a dotted outline with its icon around what was declared, lane by lane."""
    shapes: list[Shape] = []
    for item in declared:
        x, right = scale.x(item.start), scale.x(item.end)
        if right - x < 1:
            continue
        tops = [top for key, top in places.items() if not item.lanes or key in item.lanes]
        for top in tops:
            y, height = top + style.bar_top - 4, style.bar_height + 8
            parts: list[Shape] = [Rect(x, y, right - x, height, "pic-declared", rx=3)]
            if right - x > 24:
                parts.append(Use("repair", x + 4, y + height / 2 - 7, 14))
                if top == tops[0] and right - x > 30 + text_width(item.label, 12):
                    parts.append(Text(x + 22, y + height / 2 + 4, item.label, "pic-declared-text"))
            shapes.append(Bundle(parts, "pic-declaration", item.title))
    return shapes


def finding_marks(
    findings: Sequence[Finding], places: Places, style: Style, scale: Scale
) -> list[Shape]:
    """Return the bracket of each finding over the lanes it concerns, with the rule's name.

    A name that would run into the one before it is left to the title.
    """
    shapes: list[Shape] = []
    taken: list[tuple[float, float]] = []
    # What is still suspected gets its name first.
    for finding in sorted(findings, key=lambda it: (not it.is_suspected, it.start)):
        tops = [top for key, top in places.items() if key in finding.lanes]
        x, right = scale.x(finding.start), scale.x(finding.end)
        right = max(right, x + 3)
        top = min(tops) + (2 if not style.names_above else style.bar_top - 4)
        bottom = max(tops) + style.bar_top + style.bar_height + 5
        css = "pic-suspected" if finding.is_suspected else "pic-dismissed"
        parts: list[Shape] = [Path(_bracket(finding, x, right, top, bottom, scale), css)]
        label_top = min(tops) - style.finding_height + 2
        width = text_width(finding.label, 12) + 12
        label_x = min(x, scale.right - width)
        if all(label_x + width < left or label_x > end for left, end in taken):
            if style.names_above or label_x < x:
                # Lead the eye from the name down to the bracket.
                parts.append(Path(f"M{x:.1f} {label_top + 16:.1f}V{top:.1f}", css))
            parts += [
                Rect(label_x, label_top, width, 18, f"{css}-flag", rx=2),
                Text(label_x + 6, label_top + 13, finding.label, f"{css}-text"),
            ]
            taken.append((label_x - 4, label_x + width + 4))
        shapes.append(Bundle(parts, "pic-finding", finding.title, finding.href))
    return shapes


def wash_marks(
    findings: Sequence[Finding], places: Places, style: Style, scale: Scale
) -> list[Shape]:
    """Return a wash behind the lanes that a suspected finding concerns, and only those.

    The bracket may pass over a lane that is not concerned; the wash says which ones are.
    """
    return [
        Rect(x, top + 2, max(scale.x(finding.end), x + 3) - x, style.lane_height - 2, css)
        for finding in findings
        if finding.is_suspected
        for x, css in [(scale.x(finding.start), "pic-suspected-wash")]
        for key, top in places.items()
        if key in finding.lanes
    ]


def _bracket(
    finding: Finding, x: float, right: float, top: float, bottom: float, scale: Scale
) -> str:
    """Return the outline: open at the left where it began before, at the right while it goes on."""
    foot = min(6.0, (right - x) / 2)
    left_side = f"M{x + foot:.1f} {bottom:.1f}H{x:.1f}V{top:.1f}"
    if finding.start < scale.window.start:
        left_side = f"M{x:.1f} {top:.1f}"
    right_side = f"H{right:.1f}V{bottom:.1f}h-{foot:.1f}"
    if finding.is_ongoing or finding.end > scale.window.end:
        right_side = f"H{right:.1f}"
    return left_side + right_side


def site_marks(picture: Picture, style: Style, scale: Scale) -> tuple[list[Shape], float]:
    """Return what concerns the whole site as brackets above all lanes, and how high they stand."""
    findings = [finding for finding in picture.findings if not finding.lanes]
    if not findings:
        return [], 0.0
    shapes: list[Shape] = []
    rows: list[float] = []  # the right end of each row of names
    for finding in sorted(findings, key=lambda finding: finding.start):
        x, right = scale.x(finding.start), max(scale.x(finding.end), scale.x(finding.start) + 3)
        width = text_width(finding.label, 12) + 8
        label_x = min(x, scale.right - width)
        row = next((i for i, end in enumerate(rows) if label_x > end), len(rows))
        if row == len(rows):
            rows.append(0.0)
        rows[row] = max(label_x + width, right) + 6
        y = 8 + row * 26
        css = "pic-site" if finding.is_suspected else "pic-dismissed"
        parts: list[Shape] = [
            Rect(x, y, max(right - x, width), 24, "pic-hit"),
            Text(label_x, y + 11, finding.label, f"{css}-text"),
            Path(f"M{x:.1f} {y + 21:.1f}v-5H{right:.1f}v5", css),
        ]
        shapes.append(Bundle(parts, "pic-finding", finding.title, finding.href))
    return shapes, 10.0 + len(rows) * 26
