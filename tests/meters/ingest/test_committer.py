"""Whatever the database does, nothing is lost or doubled, and one bad entry harms no other."""

from datetime import timedelta

import psycopg
import pytest

from meters.ingest import Batch, Committer, Stopped, StoreResult
from meters.models import RawChunk, Reading
from tests.meters.ingest.conftest import NOON, Plant


class FlakyStore:
    """Stands before a store: raises the given errors first; ``after`` stores before it raises."""

    def __init__(self, plant: Plant, *errors: Exception, after: bool = False) -> None:
        self._store, self._errors, self._after = plant.store, list(errors), after
        self.disconnects = 0

    def store_batch(self, batch: Batch) -> StoreResult:
        if self._errors:
            if self._after:
                self._store.store_batch(batch)
            raise self._errors.pop(0)
        return self._store.store_batch(batch)

    def disconnect(self) -> None:
        self.disconnects += 1  # the test's transaction must stay open


def test_it_tries_until_the_database_is_back(plant: Plant) -> None:
    store = FlakyStore(plant, psycopg.OperationalError("gone"), psycopg.InterfaceError("closed"))

    result = Committer(store).commit([plant.entry(plant.frame(NOON, "100001-Pt=1"))])  # type: ignore[arg-type]

    assert (result.stored, store.disconnects) == (1, 2)


def test_a_commit_whose_answer_was_lost_is_not_stored_twice(plant: Plant) -> None:
    store = FlakyStore(plant, psycopg.OperationalError("connection lost"), after=True)

    Committer(store).commit([plant.entry(plant.frame(NOON, "100001-Pt=1"))])  # type: ignore[arg-type]

    assert Reading.objects.count() == 1
    assert RawChunk.objects.count() == 1


@pytest.mark.parametrize("poison", [{"flag": "much too long"}, {"p_kw": "no number"}])
def test_a_poisoned_entry_is_set_aside_and_not_acknowledged(
    plant: Plant, poison: dict[str, str]
) -> None:
    entries = [
        plant.entry(plant.frame(NOON + timedelta(minutes=n), "100001-Pt=1")) for n in range(5)
    ]
    [reading] = entries[3].readings
    entries[3] = entries[3]._replace(
        readings=(reading._replace(**poison),)  # type: ignore[arg-type]
    )

    result = Committer(plant.store).commit(entries)

    assert result.failed == {3}
    assert Reading.objects.count() == 4
    assert sum(RawChunk.objects.values_list("frame_count", flat=True)) == 5


def test_told_to_stop_it_promises_nothing(plant: Plant) -> None:
    committer = Committer(FlakyStore(plant, psycopg.OperationalError("gone")))  # type: ignore[arg-type]
    committer.stop_waiting()

    with pytest.raises(Stopped):
        committer.commit([plant.entry(plant.frame(NOON, "100001-Pt=1"))])
    assert not Reading.objects.exists()
