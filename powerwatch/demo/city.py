"""A believable city out of a generator of our own: pure data, the same every time.

Every name is <county><stem-branch pair><trade>(示例): no real company is meant. Passwords of
collectors are drawn for each; MNs are 24 hexadecimal digits under a vendor number that is not
in use. How many enterprises a county has: domain reference, section 13.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from enterprises.models import FacilityKind, Industry, InstallationStatus, LoadClass, PairingMode
from meters.simulator.noise import seed_of
from powerwatch.demo.industries import TRADES, Line, Unit
from tenancy.linfen import COUNTIES, SECOND_COUNTIES, DivisionData

ENTERPRISES_BY_COUNTY = {
    "141023": 55,
    "141024": 50,
    "141002": 45,
    "141021": 35,
    "141022": 28,
    "141081": 20,
    "141082": 18,
    "141025": 12,
    "141029": 12,
    "141033": 10,
    "141026": 8,
    "141027": 8,
    "141034": 5,
    "141031": 3,
    "141028": 2,
    "141030": 1,
    "141032": 1,
}
#: Beside Linfen's, so that there is somebody else's data to be kept from.
SECOND_CITY_BY_COUNTY = {"140802": 2, "140823": 2, "140824": 1}
PROFILES = ("st44-2025", "st80-family-a", "st80-family-b")

_STEMS, _BRANCHES = "甲乙丙丁戊己庚辛壬癸", "子丑寅卯辰巳午未申酉戌亥"
_PAIRS = [_STEMS[i % 10] + _BRANCHES[i % 12] for i in range(60)]
_SEED = "city"
_HIGH_VOLTAGE_FROM_KW = 400  # assumption: motors from here on hang on 10 kV
_HIGH_VOLTAGE_PHASE_V = 5773.5
_MN_VENDOR = "DE0212"
_PASSWORD_CHARACTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # noqa: S105
_SLOW_INTERVAL_S = 120
_FEWEST_POINTS, _MOST_POINTS = 4, 10


@dataclass(frozen=True, slots=True)
class FacilitySpec:
    code: str
    name: str
    kind: FacilityKind
    load_class: LoadClass
    rated_kw: float
    phase_v: float
    line: str  # name of its line, "" for none
    step: str = ""
    duty_group: str = ""
    keep_warm_kw: float | None = None
    is_safety_critical: bool = False


@dataclass(frozen=True, slots=True)
class PairingSpec:
    stage: str
    mode: PairingMode
    at_least: int
    productions: tuple[str, ...]  # codes
    controls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CollectorSpec:
    mn: str
    password: str
    profile: str
    interval_s: int


@dataclass(slots=True)
class EnterpriseSpec:
    code: str
    name: str
    credit_code: str
    county: str
    industry: Industry
    address: str
    longitude: float
    latitude: float
    is_key: bool
    grade: str
    status: InstallationStatus
    collector: CollectorSpec
    lines: list[str] = field(default_factory=list)
    facilities: list[FacilitySpec] = field(default_factory=list)
    pairings: list[PairingSpec] = field(default_factory=list)
    is_commissioned: bool = True  # its thresholds were measured at acceptance

    @property
    def has_devices(self) -> bool:
        return self.status in (InstallationStatus.CONNECTED, InstallationStatus.ACCEPTED)


def make_city(limit: int | None = None) -> list[EnterpriseSpec]:
    """Return Linfen's enterprises and the few of the second city; with ``limit`` only so many.

    The first are the same whatever the limit, and hold a foundry and a coking plant.
    """
    specs = []
    for prefix, counties, quota in (
        ("LF", COUNTIES, ENTERPRISES_BY_COUNTY),
        ("YC", SECOND_COUNTIES, SECOND_CITY_BY_COUNTY),
    ):
        by_code = {county.code: county for county in counties}
        places = list(_places(quota))
        if limit is not None:
            places = places[: limit if prefix == "LF" else max(1, limit // 6)]
        for number, (code, rank) in enumerate(places, 1):
            specs.append(_enterprise(f"{prefix}-{number:04d}", number, by_code[code], rank))
    return specs


def _places(quota: dict[str, int]) -> Iterator[tuple[str, int]]:
    """Yield (county, rank within it), going round the counties so that each prefix is mixed."""
    for rank in range(max(quota.values())):
        yield from ((county, rank) for county, count in quota.items() if rank < count)


def _status(number: int, rng: Random) -> InstallationStatus:
    """Some 300 of 313 are installed, a dozen are on the way, a few exempt."""
    if number % 80 == 0:
        return InstallationStatus.EXEMPT
    if number % 27 == 0:
        return rng.choice(
            [
                InstallationStatus.REQUIRED,
                InstallationStatus.SURVEYED,
                InstallationStatus.INSTALLING,
            ]
        )
    return InstallationStatus.CONNECTED if number % 19 == 0 else InstallationStatus.ACCEPTED


def _enterprise(code: str, number: int, county: DivisionData, rank: int) -> EnterpriseSpec:
    rng = Random(seed_of(_SEED, code))
    if number <= 3:  # however small the city, it shows a furnace and a coking plant
        industry = (Industry.FOUNDRY, Industry.FOUNDRY, Industry.COKING)[number - 1]
    else:
        industry = rng.choices(list(TRADES), [trade.weight for trade in TRADES.values()])[0]
    trade = TRADES[industry]
    short = county.name if len(county.name) == 2 else county.name[:-1]
    spec = EnterpriseSpec(
        code=code,
        name=f"{short}{_PAIRS[rank]}{trade.word}(示例)",
        credit_code=_credit_code(county.code, number),
        county=county.code,
        industry=industry,
        address=f"{county.name}示例路{rng.randrange(1, 200)}号",
        longitude=round((county.longitude or 0) + rng.uniform(-0.07, 0.07), 5),
        latitude=round((county.latitude or 0) + rng.uniform(-0.06, 0.06), 5),
        is_key=trade.is_key,
        grade=rng.choices(["A", "B", "C", "D"], [5, 20, 50, 25])[0],
        status=_status(number, rng),
        collector=CollectorSpec(
            mn=f"{_MN_VENDOR}{county.code}{seed_of('mn', code):08X}{number:04X}",
            password="".join(rng.choices(_PASSWORD_CHARACTERS, k=6)),
            profile=PROFILES[number % 3],
            interval_s=_SLOW_INTERVAL_S if number % 23 == 0 else 60,
        ),
        is_commissioned=rng.random() < 0.6,
    )
    _Builder(spec, rng).build(trade.lines)
    return spec


class _Builder:
    """Draws an enterprise's facilities and pairings, from four to ten points in all."""

    def __init__(self, spec: EnterpriseSpec, rng: Random) -> None:
        self._spec = spec
        self._rng = rng

    def build(self, lines: tuple[Line, ...]) -> None:
        for number, line in enumerate(lines):
            if number == 0 or self._rng.random() < line.chance:
                self._add_line(line)
        self._add_main_meter()

    def _room(self) -> int:
        return _MOST_POINTS - 1 - len(self._spec.facilities)  # the main meter comes last

    def _add_line(self, line: Line) -> None:
        needs = len(line.productions) + sum(
            max(stage.turns, len(stage.units)) for stage in line.stages
        )
        if needs > self._room():
            return
        spare = self._room() - needs
        self._spec.lines.append(line.name)
        productions: list[str] = []
        for unit in line.productions:
            count = min(self._rng.randint(1, unit.most), 1 + spare)
            spare -= count - 1
            productions += self._add(FacilityKind.PRODUCTION, unit, count, line)
        for stage in line.stages:
            controls: list[str] = []
            for unit in stage.units:
                count = stage.turns
                if stage.turns == 1:
                    count = min(self._rng.randint(1, unit.most), 1 + spare)
                    spare -= count - 1
                group = f"{line.name}·{stage.name}" if stage.turns > 1 else ""
                controls += self._add(FacilityKind.CONTROL, unit, count, line, stage.name, group)
            self._spec.pairings.append(
                PairingSpec(
                    stage.name, stage.mode, stage.at_least, tuple(productions), tuple(controls)
                )
            )

    def _add(
        self,
        kind: FacilityKind,
        unit: Unit,
        count: int,
        line: Line,
        step: str = "",
        duty_group: str = "",
    ) -> list[str]:
        rated_kw = _nameplate(self._rng.uniform(unit.low_kw, unit.high_kw))
        letter = "P" if kind == FacilityKind.PRODUCTION else "C"
        codes = []
        for number in range(1, count + 1):
            taken = sum(f.code.startswith(letter) for f in self._spec.facilities)
            codes.append(f"{letter}{taken + 1:02d}")
            is_high = rated_kw >= _HIGH_VOLTAGE_FROM_KW
            self._spec.facilities.append(
                FacilitySpec(
                    code=codes[-1],
                    name=f"{number}号{unit.name}" if count > 1 else unit.name,
                    kind=kind,
                    load_class=unit.load_class,
                    rated_kw=rated_kw,
                    phase_v=_HIGH_VOLTAGE_PHASE_V if is_high else 220.0,
                    line=line.name,
                    step=step,
                    duty_group=duty_group,
                    keep_warm_kw=round(rated_kw * 0.3, 1) if unit.is_kiln else None,
                    is_safety_critical=unit.is_safety_critical,
                )
            )
        return codes

    def _add_main_meter(self) -> None:
        total = sum(facility.rated_kw for facility in self._spec.facilities)
        self._spec.facilities.append(
            FacilitySpec(
                "M01",
                "企业总表",
                FacilityKind.MAIN,
                LoadClass.MAIN,
                _nameplate(total * 0.85),
                _HIGH_VOLTAGE_PHASE_V if total >= _HIGH_VOLTAGE_FROM_KW else 220.0,
                line="",
            )
        )


def circuits(spec: EnterpriseSpec) -> dict[str, str]:
    """Return the circuit of each facility, by code, as the collector's profile names it."""
    found: dict[str, str] = {}
    for number, facility in enumerate(spec.facilities, 1):
        if spec.collector.profile == "st44-2025":
            # Class digit (1 whole plant, 2 production, 3 treatment) and two-digit facility.
            digit = {FacilityKind.MAIN: "1", FacilityKind.CONTROL: "3"}.get(facility.kind, "2")
            found[facility.code] = f"{digit}{facility.code[1:]}"
        elif spec.collector.profile == "st80-family-a":
            found[facility.code] = f"{number:02d}"
        else:
            found[facility.code] = f"{100000 + number}"
    return found


def _nameplate(kw: float) -> float:
    """Return a rated power as nameplates have it: no odd decimals."""
    if kw < 10:
        return round(kw * 2) / 2
    return float(round(kw)) if kw < 100 else float(round(kw / 5) * 5)


def _credit_code(county: str, number: int) -> str:
    """Return a credit code with a right check digit that no real body can have.

    Registering department 00 is not in use (GB 32100-2015 begins with 1).
    """
    alphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY"
    body = f"00{county}{number:09d}"
    total = sum(alphabet.index(c) * pow(3, i, 31) for i, c in enumerate(body))
    return body + alphabet[(31 - total % 31) % 31]
