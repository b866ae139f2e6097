"""The picture: what the facilities of one enterprise did, on one time axis.

``model`` says what is to be shown, ``layout`` gives it a place (pure), ``svg`` writes it down. The
same three serve the portal, the phone and documents; ``reports.queries.picture`` fills the model.
"""

from reports.picture.layout import Drawing, lay_out
from reports.picture.model import (
    Bar,
    Cluster,
    Declared,
    Finding,
    Group,
    Lane,
    Pair,
    Picture,
    Window,
)
from reports.picture.svg import render_svg

__all__ = [
    "Bar",
    "Cluster",
    "Declared",
    "Drawing",
    "Finding",
    "Group",
    "Lane",
    "Pair",
    "Picture",
    "Window",
    "lay_out",
    "render_svg",
]
