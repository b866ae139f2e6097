"""Shapes as SVG text. No inline style and no script: pages are served under a strict policy."""

from collections.abc import Iterable
from xml.sax.saxutils import escape, quoteattr

from reports.picture.shapes import Bundle, Path, Rect, Shape, Text, Use


def _n(value: float) -> str:
    """Return the coordinate with at most one decimal: a tenth of a pixel is finer than any eye."""
    return f"{value:.1f}".removesuffix(".0")


def _title(words: str) -> str:
    return f"<title>{escape(words)}</title>" if words else ""


def _shape(shape: Shape) -> str:
    match shape:
        case Rect(x, y, width, height, css, title, rx):
            attributes = (
                f'class="{css}" x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}"'
            )
            if rx:
                attributes += f' rx="{_n(rx)}"'
            return (
                f"<rect {attributes}>{_title(title)}</rect>" if title else f"<rect {attributes}/>"
            )
        case Path(d, css):
            return f'<path class="{css}" d="{d}"/>'
        case Text(x, y, words, css, anchor):
            place = "" if anchor == "start" else f' text-anchor="{anchor}"'
            return f'<text class="{css}" x="{_n(x)}" y="{_n(y)}"{place}>{escape(words)}</text>'
        case Use(symbol, x, y, size):
            return (
                f'<use href="#pic-symbol-{symbol}" x="{_n(x)}" y="{_n(y)}"'
                f' width="{_n(size)}" height="{_n(size)}"/>'
            )
        case Bundle(children, css, title, href, data, key):
            inner = _title(title) + "".join(map(_shape, children))
            attributes = f' class="{css}"' if css else ""
            attributes += f" id={quoteattr(key)}" if key else ""
            attributes += "".join(f" data-{key}={quoteattr(value)}" for key, value in data.items())
            if href:
                name = f" aria-label={quoteattr(title)}" if title else ""
                return f"<a href={quoteattr(href)}{attributes}{name}>{inner}</a>"
            return f"<g{attributes}>{inner}</g>"


def render_svg(
    shapes: Iterable[Shape], *, width: float, height: float, css: str = "", label: str = ""
) -> str:
    """Return one ``<svg>`` of this size in user units; it shrinks with its box.

    Patterns and symbols come from ``components/picture_defs.svg.html``, once in the same document.
    """
    name = f" aria-label={quoteattr(label)}" if label else ' aria-hidden="true"'
    return (
        f'<svg class="{css}" viewBox="0 0 {_n(width)} {_n(height)}"'
        f' width="{_n(width)}" height="{_n(height)}" role="group"{name} focusable="false">'
        f"{''.join(map(_shape, shapes))}</svg>"
    )
