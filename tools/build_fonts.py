"""Cut Noto Sans SC down to the characters that Chinese administration writes with.

    python tools/build_fonts.py PACKAGE_DIR

PACKAGE_DIR is the unpacked npm package @expo-google-fonts/noto-sans-sc.

Needs fonttools and brotli. Each weight becomes two files, so that no file of the repository
passes 2 MiB and a page seldom loads more than the first:

* ``NotoSansSC-<Weight>``: Latin, symbols, the 3,755 everyday characters of GB 2312 (level 1) and
  the rarer ones that our own words need;
* ``NotoSansSC-<Weight>-rare``: GB 2312 level 2 and the names list of the Table of General Standard
  Chinese Characters (2013, level 3), because people and firms carry such characters. Its family is
  called Noto Sans SC Rare: WeasyPrint tells fonts apart by name, and under one name it draws a rare
  character with the other file's glyph number, which is another character.

``.ttf`` is for PDF and for browser tests (through ``fonts.conf``), ``.woff2`` for the portal. The
output is the same bytes for the same input, so VENDOR.md can hold its hashes.
"""

import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

TOOLS = Path(__file__).resolve().parent
TARGET = TOOLS.parent / "static" / "fonts"
SOURCES = {
    "Regular": "400Regular/NotoSansSC_400Regular.ttf",
    "Bold": "700Bold/NotoSansSC_700Bold.ttf",
}
# Blocks whose every character that the font has is kept: Latin with pinyin's tone marks, Greek for
# units, punctuation, super- and subscripts, arrows, mathematics, enclosed numbers, shapes, CJK
# punctuation and full-width forms.
SYMBOLS = (
    range(0x20, 0x180),
    range(0x1C0, 0x200),
    range(0x370, 0x400),
    range(0x2000, 0x2700),
    range(0x2713, 0x2718),
    range(0x3000, 0x3020),
    range(0x3200, 0x3400),
    range(0xFF00, 0xFFF0),
)
# What our pages say every day although GB 2312 counts it as rare: place names, materials and plant,
# the words of measuring and of procedure.
OURS = (
    "尧曲沃翼襄汾洪洞安泽浮吉乡宁隰永蒲侯霍垚堃㙍䶮晋冀豫陕濮邳滏汶漳浍沁"
    "窑砼坩埚铣镗钒钛镍铬锰锌钼焙煅颚淬氨硝脲羰苯酚醛酮烃萘闸罐阀泵筛窨"
    "阈浏暨惬恪瑕疵甄稽缴滞嫌擅篡阻诿瞒匿谎佥俟兹讫毗迄嘱婷赟昊昱晟"
)


def gb2312_rows(first: int, last: int) -> set[int]:
    """Return the code points of the GB 2312 rows first to last, both included."""
    found = set()
    for lead in range(first, last + 1):
        for trail in range(0xA1, 0xFF):
            try:
                found.add(ord(bytes([lead, trail]).decode("gb2312")))
            except UnicodeDecodeError:
                continue
    return found


def character_sets() -> dict[str, set[int]]:
    everyday = gb2312_rows(0xA1, 0xD7) | {ord(char) for char in OURS}
    for block in SYMBOLS:
        everyday |= set(block)
    names = (TOOLS / "name_characters.txt").read_text(encoding="utf-8").split()
    rare = gb2312_rows(0xD8, 0xF7) | {ord(char) for char in "".join(names)}
    return {"": everyday, "-rare": rare - everyday}


def rename(font: TTFont, part: str) -> None:
    """Give the rare part its own family, full and PostScript names."""
    for record in font["name"].names:
        text = record.toUnicode()
        if record.nameID in (1, 3, 4):
            record.string = text.replace("Noto Sans SC", "Noto Sans SC" + part)
        if record.nameID in (3, 6):
            record.string = record.toUnicode().replace("NotoSansSC", "NotoSansSC" + part.strip())


def cut(source: Path, characters: set[int]) -> TTFont:
    options = subset.Options()
    options.hinting = False
    options.layout_features = ["ccmp", "locl", "kern", "mark", "halt", "chws"]
    options.drop_tables += ["vhea", "vmtx", "VORG", "BASE", "STAT"]  # no vertical setting
    options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 13, 14]  # the licence asks for its notices to stay
    options.notdef_outline = True
    font = TTFont(source, recalcTimestamp=False)
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=characters & set(font.getBestCmap()))
    cutter.subset(font)
    return font


def main(package: Path) -> None:
    for weight, path in SOURCES.items():
        for part, characters in character_sets().items():
            font = cut(package / path, characters)
            name = f"NotoSansSC-{weight}{part}"
            if part:
                rename(font, " Rare")
            font.save(TARGET / f"{name}.ttf")
            font.flavor = "woff2"
            font.save(TARGET / f"{name}.woff2")
            sys.stdout.write(f"{name}: {len(font.getBestCmap())} characters\n")
    licence = (package / "LICENSE_FONT").read_text(encoding="utf-8")
    (TARGET / "OFL.txt").write_text(licence, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
