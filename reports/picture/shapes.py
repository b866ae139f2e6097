"""The few shapes of which a picture is made, with classes instead of colours. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Rect:
    x: float
    y: float
    width: float
    height: float
    css: str
    title: str = ""
    rx: float = 0


@dataclass(frozen=True, slots=True)
class Path:
    d: str
    css: str


@dataclass(frozen=True, slots=True)
class Text:
    x: float
    y: float
    words: str
    css: str
    anchor: str = "start"


@dataclass(frozen=True, slots=True)
class Use:
    """A symbol of ``components/picture_defs.svg.html``, ``size`` square."""

    symbol: str
    x: float
    y: float
    size: float


@dataclass(frozen=True, slots=True)
class Bundle:
    """Shapes with one name, and a link where ``href`` is given."""

    children: Sequence["Shape"]
    css: str = ""
    title: str = ""
    href: str = ""
    data: dict[str, str] = field(default_factory=dict)
    key: str = ""  # the element's id, by which a page that renews itself keeps the focus


Shape = Rect | Path | Text | Use | Bundle


def text_width(words: str, size: float) -> float:
    """Return about how wide the words run: a Chinese character is as wide as it is high."""
    return sum(size if ord(char) > 0x2E7F else size * 0.56 for char in words)


def cut(words: str, size: float, room: float) -> str:
    """Return the words, with their tail as … where they do not fit the room."""
    if text_width(words, size) <= room:
        return words
    while words and text_width(words + "…", size) > room:
        words = words[:-1]
    return words.rstrip() + "…"
