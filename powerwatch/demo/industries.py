"""What enterprises of each industry have: lines, facilities, control stages.

All kW are assumptions (domain reference, section 6), drawn between the two numbers; a real site
uses nameplates. Names are as people on site say them.
"""

from dataclasses import dataclass

from enterprises.models import Industry, LoadClass, PairingMode

_FIXED, _VFD, _CYCLIC = LoadClass.FIXED, LoadClass.VFD, LoadClass.CYCLIC
_FURNACE, _HEATER, _TRICKLE = LoadClass.FURNACE, LoadClass.HEATER, LoadClass.TRICKLE
_ANY, _ALL, _AT_LEAST = PairingMode.ANY, PairingMode.ALL, PairingMode.AT_LEAST


@dataclass(frozen=True, slots=True)
class Unit:
    """A kind of facility and the span of its rated power; ``most`` of it at most, numbered."""

    name: str
    low_kw: float
    high_kw: float
    load_class: LoadClass = _FIXED
    most: int = 1
    is_kiln: bool = False  # kept warm, never let go cold
    is_safety_critical: bool = False


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of control and how much of it must run.

    Of ``turns`` units all but one run at a time (duty and standby); 1 has none to take turns.
    """

    name: str
    units: tuple[Unit, ...]
    mode: PairingMode = _ALL
    at_least: int = 1
    turns: int = 1


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    productions: tuple[Unit, ...]
    stages: tuple[Stage, ...]
    chance: float = 1.0  # share of enterprises that have it


@dataclass(frozen=True, slots=True)
class Trade:
    """An industry: the word in its enterprises' names, how common it is, what it has."""

    word: str
    weight: int
    lines: tuple[Line, ...]
    is_key: bool = False


def _duty(name: str, unit: Unit) -> Stage:
    """A pair of which either will do 一用一备."""
    return Stage(name, (unit,), _ANY, turns=2)


def _single(name: str, unit: Unit) -> Stage:
    return Stage(name, (unit,))


TRADES: dict[Industry, Trade] = {
    Industry.FOUNDRY: Trade(
        "铸造有限公司",
        22,
        (
            Line(
                "熔炼线",
                (Unit("中频炉", 500, 3000, _FURNACE, most=2),),
                (_single("炉烟除尘", Unit("熔炼布袋除尘风机", 55, 160)),),
            ),
            Line(
                "砂处理抛丸线",
                (Unit("砂处理线", 90, 250), Unit("抛丸机", 37, 110, _CYCLIC)),
                (_duty("砂尘除尘", Unit("砂尘除尘风机", 37, 110)),),
            ),
            Line(
                "制芯线",
                (Unit("制芯烘干炉", 60, 150, _HEATER),),
                (_single("有机废气治理", Unit("活性炭吸附风机", 30, 75)),),
                chance=0.4,
            ),
        ),
    ),
    Industry.COAL_WASHING: Trade(
        "洗煤有限公司",
        20,
        (
            Line(
                "破碎筛分线",
                (Unit("原煤破碎机", 110, 250), Unit("分级振动筛", 30, 75)),
                (
                    _single("布袋除尘", Unit("破碎布袋除尘风机", 22, 75)),
                    _single("喷雾抑尘", Unit("喷雾抑尘泵", 11, 22, _CYCLIC)),
                ),
            ),
            Line(
                "洗选线",
                (Unit("重介泵", 200, 355), Unit("压滤入料泵", 55, 132, _CYCLIC)),
                (_single("车间喷淋", Unit("车间喷淋泵", 5.5, 9.5, _TRICKLE)),),
                chance=0.7,
            ),
        ),
    ),
    Industry.BRICK: Trade(
        "建材砖厂",
        12,
        (
            Line(
                "隧道窑",
                (Unit("隧道窑排烟风机", 45, 132, is_kiln=True),),
                (
                    _duty("脱硫", Unit("双碱法循环泵", 22, 45)),
                    _single("湿电除尘", Unit("湿式电除尘器", 20, 60, _HEATER)),
                ),
            ),
            Line(
                "制坯线",
                (Unit("真空挤砖机", 250, 400, _CYCLIC), Unit("破碎机", 110, 200)),
                (_single("破碎除尘", Unit("破碎布袋除尘风机", 30, 55)),),
            ),
        ),
    ),
    Industry.STONE: Trade(
        "石料有限公司",
        10,
        (
            Line(
                "破碎线",
                (
                    Unit("颚式破碎机", 110, 200),
                    Unit("圆锥破碎机", 160, 315),
                    Unit("振动筛", 30, 55),
                ),
                (
                    Stage("脉冲除尘", (Unit("脉冲除尘风机", 55, 132, most=2),)),
                    _single("喷雾抑尘", Unit("喷雾抑尘泵", 11, 22, _CYCLIC)),
                ),
            ),
        ),
    ),
    Industry.COKING: Trade(
        "焦化有限公司",
        8,
        (
            Line(
                "备煤装煤",
                (Unit("煤破碎机", 250, 630, _CYCLIC), Unit("装煤车", 150, 300, _CYCLIC)),
                (_single("装煤除尘", Unit("装煤除尘风机", 355, 630, _VFD)),),
            ),
            Line(
                "推焦",
                (Unit("推焦车", 300, 500, _CYCLIC),),
                (_single("推焦除尘", Unit("推焦地面站除尘风机", 630, 1250, _VFD)),),
            ),
            Line(
                "煤气净化",
                (Unit("煤气鼓风机", 630, 1250, is_safety_critical=True),),
                (Stage("烟气脱硫", (Unit("脱硫循环泵", 160, 315),), _AT_LEAST, 2, turns=3),),
            ),
        ),
        is_key=True,
    ),
    Industry.CONCRETE: Trade(
        "混凝土有限公司",
        8,
        (
            Line(
                "搅拌线",
                (Unit("搅拌主机", 55, 110, _CYCLIC), Unit("上料皮带机", 30, 55)),
                (
                    _single("主机除尘", Unit("主机除尘风机", 11, 22)),
                    _single("仓顶除尘", Unit("仓顶除尘风机", 5.5, 9, _TRICKLE)),
                ),
            ),
        ),
    ),
    Industry.CEMENT: Trade(
        "水泥有限公司",
        5,
        (
            Line(
                "粉磨线",
                (Unit("水泥磨主电机", 1250, 3550), Unit("包装机", 30, 75, _CYCLIC)),
                (
                    _single("磨尾除尘", Unit("磨尾除尘风机", 90, 250)),
                    _single("包装除尘", Unit("包装除尘风机", 22, 45)),
                ),
            ),
            Line(
                "熟料窑",
                (
                    Unit("回转窑主电机", 400, 800, is_kiln=True),
                    Unit("预热器风机", 2000, 3200, is_kiln=True),
                ),
                (
                    Stage(
                        "窑头窑尾除尘",
                        (Unit("窑头除尘风机", 400, 800), Unit("窑尾除尘风机", 400, 800)),
                    ),
                    _single("脱硝", Unit("SNCR计量泵", 7.5, 9.5, _TRICKLE)),
                ),
                chance=0.5,
            ),
        ),
        is_key=True,
    ),
    Industry.REFRACTORY: Trade(
        "耐火材料有限公司",
        5,
        (
            Line(
                "压制线",
                (Unit("压砖机", 75, 200, _CYCLIC, most=2),),
                (_single("成型除尘", Unit("成型除尘风机", 37, 75)),),
            ),
            Line(
                "隧道窑",
                (Unit("窑炉排烟风机", 45, 110, is_kiln=True),),
                (_duty("脱硫", Unit("脱硫循环泵", 22, 45)),),
            ),
        ),
    ),
    Industry.COATING: Trade(
        "家具有限公司",
        5,
        (
            Line(
                "喷涂线",
                (Unit("喷漆房风机", 15, 45), Unit("烘干房", 60, 200, _HEATER)),
                (
                    _single("吸附", Unit("活性炭吸附风机", 15, 55)),
                    _single("催化燃烧", Unit("催化燃烧电加热", 90, 180, _HEATER)),
                ),
            ),
        ),
    ),
    Industry.STEEL: Trade(
        "钢铁有限公司",
        4,
        (
            Line(
                "烧结",
                (Unit("烧结主抽风机", 3000, 6000, is_kiln=True),),
                (
                    _single("机头除尘", Unit("机头电除尘器", 300, 600, _HEATER)),
                    Stage("烟气脱硫", (Unit("浆液循环泵", 250, 400),), _AT_LEAST, 2, turns=3),
                ),
            ),
            Line(
                "出铁场",
                (Unit("矿槽皮带机", 75, 200, _CYCLIC),),
                (_single("出铁场除尘", Unit("出铁场除尘风机", 1000, 2000, _VFD)),),
            ),
            Line(
                "轧钢线",
                (Unit("轧机主电机", 2000, 5000, _CYCLIC),),
                (_single("环境除尘", Unit("环境除尘风机", 630, 1400)),),
            ),
        ),
        is_key=True,
    ),
    Industry.LIME: Trade(
        "石灰有限公司",
        4,
        (
            Line(
                "石灰窑",
                (Unit("石灰窑鼓风机", 110, 250, is_kiln=True), Unit("上料卷扬机", 30, 55, _CYCLIC)),
                (
                    _duty("布袋除尘", Unit("布袋除尘风机", 110, 200)),
                    _single("脱硫", Unit("脱硫循环泵", 22, 45)),
                ),
            ),
        ),
    ),
    Industry.CHEMICAL: Trade(
        "化工有限公司",
        4,
        (
            Line(
                "反应车间",
                (Unit("反应釜搅拌电机", 11, 45, most=2),),
                (
                    _single("蓄热燃烧", Unit("RTO风机", 45, 160)),
                    _duty("碱洗", Unit("碱洗塔循环泵", 11, 22)),
                ),
            ),
        ),
    ),
    Industry.MACHINERY: Trade(
        "机械制造有限公司",
        3,
        (
            Line(
                "抛丸喷涂线",
                (Unit("抛丸清理机", 37, 110, _CYCLIC), Unit("喷漆房风机", 15, 45)),
                (
                    _single("抛丸除尘", Unit("抛丸除尘风机", 22, 55)),
                    _single("光氧吸附", Unit("活性炭吸附风机", 15, 37)),
                ),
            ),
        ),
    ),
}
