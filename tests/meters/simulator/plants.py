"""A few plants without a database."""

from enterprises.models import Industry
from meters.simulator.incidents import Plan
from meters.simulator.machines import Machine, Plant, Shape
from meters.simulator.plants import Feed

NOW = 1_795_420_800  # 2026-11-23 16:00 in Shanghai


def make_plant(number: int = 1, *, industry: str = Industry.FOUNDRY, **changes: object) -> Plant:
    """A foundry: a furnace with its dust fan, a blasting line with a duty pair, a main meter."""
    code = f"T-{number}"

    def machine(name: str, circuit: str, kind: str, shape: Shape, kw: float, **more: str):
        return Machine(f"{code}/{name}", circuit, kind, shape, kw, **more)

    melting, blasting = f"{code}/1", f"{code}/2"
    machines = (
        machine("P01", "201", "PRODUCTION", Shape.BATCH, 1500.0, line=melting),
        machine("C01", "301", "CONTROL", Shape.STEADY, 110.0, line=melting),
        machine("P02", "202", "PRODUCTION", Shape.CYCLIC, 75.0, line=blasting),
        machine("C02", "302", "CONTROL", Shape.STEADY, 55.0, line=blasting, duty_group="除尘"),
        machine("C03", "303", "CONTROL", Shape.STEADY, 55.0, line=blasting, duty_group="除尘"),
        machine("M01", "101", "MAIN", Shape.TOTAL, 1500.0),
    )
    values: dict = {
        "key": f"{number:024X}",
        "name": f"测试{number}铸造有限公司(示例)",
        "industry": industry,
        "machines": machines,
        **changes,
    }
    return Plant(**values)


def make_plants(count: int) -> list[Plant]:
    return [make_plant(number) for number in range(1, count + 1)]


def quiet_feed(plant: Plant) -> Feed:
    """The plant's meters on days on which nothing goes wrong."""
    return Feed(plant, Plan([plant], NOW, is_quiet=True))
