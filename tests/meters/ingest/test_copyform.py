"""What goes by binary COPY is what the database would have made of it."""

import random
from decimal import Decimal

from django.db import connection

from meters.ingest.copyform import _numeric
from meters.models import Reading
from tests.meters.ingest.conftest import NOON, Plant


def test_a_register_is_rounded_as_the_database_rounds_it(db: None) -> None:
    rng = random.Random(7)
    values = [0.0, 0.00005, 0.00015, 1.00005, 2.5, 99999.99995, 1e11, 1e11 - 1e-4, 1e-9, 123.45675]
    values += [round(rng.uniform(0, 10**power), 5) for power in range(1, 12) for _ in range(300)]
    values += [rng.uniform(0, 10**power) for power in range(1, 12) for _ in range(300)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT v::numeric(16, 4) FROM unnest(%s::float8[]) AS v", [values])
        expected = [row[0] for row in cursor.fetchall()]

    assert [_decoded(_numeric(value)) for value in values] == expected


def test_a_repeat_in_a_batch_of_new_ones_takes_the_long_way(plant: Plant) -> None:
    first = plant.take_in(plant.frame(NOON, "100001-Pt=1"))
    mixed = plant.take_in(
        plant.frame(NOON, "100001-Pt=1"),
        plant.frame(NOON.replace(minute=1), "100001-Pt=2,100001-Ept=5.5"),
    )
    after = plant.take_in(plant.frame(NOON.replace(minute=2), "100001-Pt=3"))
    again = plant.take_in(plant.frame(NOON.replace(minute=3), "100001-Pt=4"))

    assert [(r.stored, r.repeated) for r in (first, mixed, after, again)] == [
        (1, 0),
        (1, 1),
        (1, 0),
        (1, 0),
    ]
    assert list(Reading.objects.order_by("measured_at").values_list("p_kw", flat=True)) == [
        1,
        2,
        3,
        4,
    ]


def _decoded(field: bytes) -> Decimal:
    groups = [int.from_bytes(field[at : at + 2], "big") for at in range(12, 20, 2)]
    return Decimal("".join(f"{group:04d}" for group in groups)) / 10_000
