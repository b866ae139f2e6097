"""The promises of static/ and templates/ that a reviewer would otherwise have to keep by eye."""

import hashlib
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
SPRITE = (ROOT / "static/icons/sprite.svg").read_text(encoding="utf-8")
ICONS = set(re.findall(r'<symbol id="([^"]+)"', SPRITE))
LINFEN = {
    *("141002", "141021", "141022", "141023", "141024", "141025", "141026", "141027", "141028"),
    *("141029", "141030", "141031", "141032", "141033", "141034", "141081", "141082"),
}


def test_vendored_files_are_as_locked():
    lock = (ROOT / "static/vendor/VENDOR.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([^`]+)` \|.*\| `([0-9a-f]{64})` \|$", lock, re.MULTILINE)
    found = {path: hashlib.sha256((ROOT / path).read_bytes()).hexdigest() for path, _ in rows}
    assert found == dict(rows)
    assert len(rows) > 10


@pytest.mark.parametrize("folder", ["vendor", "fonts", "maps"])
def test_every_vendored_file_is_in_the_lock(folder):
    lock = (ROOT / "static/vendor/VENDOR.md").read_text(encoding="utf-8")
    files = [path for path in (ROOT / "static" / folder).rglob("*") if path.is_file()]
    ours = {"static/vendor/VENDOR.md", "static/fonts/fonts.conf"}
    names = {path.relative_to(ROOT).as_posix() for path in files} - ours
    assert names
    assert {name for name in names if f"`{name}`" not in lock} == set()


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_templates_hold_to_the_strict_content_security_policy(template):
    if template.parent.name == "messages":
        pytest.skip("an email, not a page: mail programs want the style in the text")
    text = template.read_text(encoding="utf-8")
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=|javascript:|hx-on", text) == []
    assert re.findall(r"<script(?![^>]*\ssrc=)[^>]*>", text) == []


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_templates_name_only_icons_that_are_drawn(template):
    text = template.read_text(encoding="utf-8")
    named = re.findall(r'components/icon\.html" with name="([^"]+)"', text)
    assert set(named) - ICONS == set()


def test_the_rare_characters_are_a_family_of_their_own():
    """Under one name WeasyPrint mixes the two files' glyph numbers: 邘 came out as 权."""
    ttfont = pytest.importorskip("fontTools.ttLib").TTFont
    for weight in ("Regular", "Bold"):
        common, rare = (
            ttfont(ROOT / f"static/fonts/NotoSansSC-{weight}{part}.ttf", lazy=True)
            for part in ("", "-rare")
        )
        assert common["name"].getDebugName(1) == "Noto Sans SC"
        assert rare["name"].getDebugName(1) == "Noto Sans SC Rare"
        assert not common.getBestCmap().keys() & rare.getBestCmap().keys()
        assert set(map(ord, "隰襄汾尧疑似限停产垚堃㙍䶮³℃Ⅱ①")) <= common.getBestCmap().keys()
        common.close()
        rare.close()


def test_the_map_has_the_seventeen_counties_of_linfen():
    linfen = json.loads((ROOT / "static/maps/141000.json").read_text(encoding="utf-8"))
    assert {county["code"] for county in linfen["counties"]} == LINFEN
    assert "审图号" in linfen["note"]
    width, height = (int(edge) for edge in linfen["viewBox"].split()[2:])
    for county in linfen["counties"]:
        assert re.fullmatch(r"(M\d+ \d+l[-\d ]+z)+", county["path"]), county["name"]
        assert 0 < county["label"][0] < width
        assert 0 < county["label"][1] < height
