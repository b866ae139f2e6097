"""Classes of GB/T 4754 that occur in a city such as Linfen, with our industry for each.

Source: GB/T 4754-2017 (industrial classification for national economic activities), class codes as
background knowledge [B], to be checked against the standard's text. The list helps typing and says
what a code means; a code that is not in it is taken with a hint, never refused.
"""

from dataclasses import dataclass

from django.utils.translation import get_language

from enterprises.models import Industry

_I = Industry


@dataclass(frozen=True, slots=True)
class IndustryClass:
    """A class: its four digits, its name in both languages, and our group."""

    code: str
    chinese: str
    english: str
    group: str

    @property
    def name(self) -> str:
        return self.english if (get_language() or "").startswith("en") else self.chinese


CLASSES = {
    row.code: row
    for row in (
        IndustryClass(
            "0610", "烟煤和无烟煤开采洗选", "Hard coal mining and washing", _I.COAL_WASHING
        ),
        IndustryClass("0620", "褐煤开采洗选", "Lignite mining and washing", _I.COAL_WASHING),
        IndustryClass("0690", "其他煤炭采选", "Other coal mining and dressing", _I.COAL_WASHING),
        IndustryClass("1011", "石灰石、石膏开采", "Limestone and gypsum quarrying", _I.STONE),
        IndustryClass("1012", "建筑装饰用石开采", "Quarrying of building stone", _I.STONE),
        IndustryClass("1019", "粘土及其他土砂石开采", "Clay, sand and gravel quarrying", _I.STONE),
        IndustryClass("1321", "宠物饲料加工", "Pet feed", _I.FEED),
        IndustryClass("1329", "其他饲料加工", "Other feed milling", _I.FEED),
        IndustryClass("2110", "木质家具制造", "Wooden furniture", _I.COATING),
        IndustryClass("2130", "金属家具制造", "Metal furniture", _I.COATING),
        IndustryClass("2319", "包装装潢及其他印刷", "Packaging and other printing", _I.COATING),
        IndustryClass("2521", "炼焦", "Coking", _I.COKING),
        IndustryClass("2611", "无机酸制造", "Inorganic acids", _I.CHEMICAL),
        IndustryClass("2614", "有机化学原料制造", "Basic organic chemicals", _I.CHEMICAL),
        IndustryClass("2621", "氮肥制造", "Nitrogen fertilisers", _I.CHEMICAL),
        IndustryClass("2641", "涂料制造", "Paints and coatings", _I.COATING),
        IndustryClass("2651", "初级形态塑料及合成树脂制造", "Primary plastics", _I.CHEMICAL),
        IndustryClass("2710", "化学药品原料药制造", "Pharmaceutical ingredients", _I.CHEMICAL),
        IndustryClass("3011", "水泥制造", "Cement", _I.CEMENT),
        IndustryClass("3012", "石灰和石膏制造", "Lime and gypsum", _I.LIME),
        IndustryClass("3021", "水泥制品制造", "Cement products and concrete", _I.CONCRETE),
        IndustryClass("3022", "砼结构构件制造", "Concrete structural elements", _I.CONCRETE),
        IndustryClass("3031", "粘土砖瓦及建筑砌块制造", "Bricks, tiles and blocks", _I.BRICK),
        IndustryClass("3032", "建筑用石加工", "Cutting of building stone", _I.STONE),
        IndustryClass("3039", "其他建筑材料制造", "Other building materials", _I.STONE),
        IndustryClass("3071", "建筑陶瓷制品制造", "Building ceramics", _I.REFRACTORY),
        IndustryClass("3089", "耐火陶瓷制品及其他耐火材料制造", "Refractories", _I.REFRACTORY),
        IndustryClass("3091", "石墨及碳素制品制造", "Graphite and carbon products", _I.OTHER),
        IndustryClass(
            "3099", "其他非金属矿物制品制造", "Other non-metallic mineral products", _I.STONE
        ),
        IndustryClass("3110", "炼铁", "Ironmaking", _I.STEEL),
        IndustryClass("3120", "炼钢", "Steelmaking", _I.STEEL),
        IndustryClass("3130", "钢压延加工", "Steel rolling", _I.STEEL),
        IndustryClass("3140", "铁合金冶炼", "Ferroalloys", _I.STEEL),
        IndustryClass("3240", "有色金属合金制造", "Non-ferrous alloys", _I.FOUNDRY),
        IndustryClass("3311", "金属结构制造", "Metal structures", _I.MACHINERY),
        IndustryClass("3360", "金属表面处理及热处理加工", "Metal surface treatment", _I.COATING),
        IndustryClass("3391", "黑色金属铸造", "Iron and steel casting", _I.FOUNDRY),
        IndustryClass("3392", "有色金属铸造", "Non-ferrous casting", _I.FOUNDRY),
        IndustryClass("3393", "锻件及粉末冶金制品制造", "Forgings", _I.MACHINERY),
        IndustryClass("3670", "汽车零部件及配件制造", "Motor vehicle parts", _I.MACHINERY),
        IndustryClass("3982", "电子电路制造", "Electronic circuits", _I.ELECTRONICS),
    )
}


def find_industry(code: str) -> IndustryClass | None:
    """Return the class of a code such as ``3391`` or ``C3391``; None for one not listed here."""
    return CLASSES.get(code.strip().lstrip("ABCDEFGHIJKLMNOPQRST"))
