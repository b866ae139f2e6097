"""Profiles: what the shipped ones read, and what a bad specification is told."""

import copy
from typing import Any

import pytest

from meters.builtin_profiles import (
    BUILTIN_PROFILES,
    ST44_2025,
    ST80_FAMILY_A,
    ST80_FAMILY_B,
    ST80_FAMILY_B_WATT,
    BuiltinProfile,
)
from meters.profiles import (
    QUANTITIES,
    CircuitReading,
    CompiledProfile,
    FrameReadings,
    ProfileError,
    compile_profile,
    find_profile,
    read_frame,
)
from meters.protocol import Frame


def made(builtin: BuiltinProfile) -> CompiledProfile:
    return compile_profile(builtin.spec, name=builtin.name)


def frame(cp: str, st: str = "80", cn: str = "2011") -> Frame:
    return Frame(b"", b"", {"ST": st, "CN": cn}, cp.encode())


def values_of(reading: CircuitReading) -> dict[str, float]:
    return {
        name: value
        for name, value in zip(QUANTITIES, reading.values, strict=True)
        if value is not None
    }


def read(builtin: BuiltinProfile, cp: str) -> FrameReadings:
    return read_frame(made(builtin), frame(cp))


def test_st44_keeps_production_and_treatment_apart() -> None:
    cp = "d20101-Rtd=220.2,d20101-Flag=N;d30101-Rtd=221.1,d30101-Flag=N;d20401-Rtd=0.24"

    readings = read(ST44_2025, cp).circuits

    assert [(row.circuit, values_of(row)) for row in readings] == [
        ("201", {"ua": 220.2, "ia": 0.24}),
        ("301", {"ua": 221.1}),
    ]


def test_family_a_is_in_watts_and_one_circuit_a_frame() -> None:
    cp = (
        "DataTime=20190708113607;ea30010101-Rtd=0.99,ea30010101-Flag=N;ea30010104-Rtd=1.5;"
        "ea30010105-Rtd=220,ea30010105-Flag=N;ea30010107-Rtd=6.01;ea30010109-Rtd=0.999;"
        "ea30010110-Rtd=220.0;ea30010114-Rtd=0.0"
    )

    [reading] = read(ST80_FAMILY_A, cp).circuits

    assert reading.circuit == "01"
    assert values_of(reading) == {
        "ia": 0.99,
        "p_kw": 0.22,
        "energy_kwh": 6.01,
        "pf": 0.999,
        "ua": 220.0,
    }


def test_a_single_phase_meter_of_family_a_uses_the_fallback() -> None:
    [reading] = read(ST80_FAMILY_A, "ea30010204-Rtd=1.5;ea30010213-Rtd=219").circuits

    assert values_of(reading) == {"ia": 1.5, "ua": 219}


def test_family_b_names_the_circuit_by_the_item() -> None:
    cp = "100003-Ia=74.4,100003-Pt=41.8556,100003-Pdem=2;f21011-Pt=5,f21011-Flag=N;P10001-Ept=7"

    readings = read(ST80_FAMILY_B, cp)

    assert [(row.circuit, values_of(row)) for row in readings.circuits] == [
        ("100003", {"ia": 74.4, "p_kw": 41.8556}),
        ("f21011", {"p_kw": 5}),
        ("P10001", {"energy_kwh": 7}),
    ]
    assert (readings.unknown_codes, readings.bad_values) == ([], [])


def test_the_watt_variant_must_be_named() -> None:
    profiles = [made(builtin) for builtin in BUILTIN_PROFILES]

    found = find_profile(profiles, frame("100001-Pt=5000"))

    assert found is not None
    assert found.name == "st80-family-b"
    [reading] = read(ST80_FAMILY_B_WATT, "100001-Pt=5000").circuits
    assert values_of(reading) == {"p_kw": 5}


@pytest.mark.parametrize("flag", ["D", "F", "B", "J", "M", "Td", "Z"])
def test_only_n_is_good(flag: str) -> None:
    [reading] = read(ST80_FAMILY_B, f"100001-Pt=0,100001-Ia=0,100001-Flag={flag}").circuits
    [other] = read(
        ST44_2025, f"d20101-Rtd=0,d20101-Flag={flag};d20401-Rtd=3,d20401-Flag=N"
    ).circuits

    assert (values_of(reading), reading.flag) == ({}, flag)
    assert (values_of(other), other.flag) == ({"ia": 3}, flag)


@pytest.mark.parametrize("text", ["NaN", "inf", "-inf", "1e308", "1e5", "abc", "--1", "١", "1_0"])
def test_what_is_no_number_is_counted_and_unknown(text: str) -> None:
    readings = read(ST80_FAMILY_B, f"100001-Pt={text},100001-Ia=1")

    assert readings.bad_values == ["Pt"]
    assert values_of(readings.circuits[0]) == {"ia": 1}


@pytest.mark.parametrize(
    "name, inside, outside",
    [
        ("Pt", "-100000", "100000.1"),
        ("Ua", "50000", "-0.1"),
        ("Ia", "20000", "20000.1"),
        ("cos", "-1", "1.01"),
        ("Ept", "100000000000", "-0.0001"),
    ],
)
def test_physical_bounds(name: str, inside: str, outside: str) -> None:
    assert read(ST80_FAMILY_B, f"100001-{name}={inside}").bad_values == []
    assert read(ST80_FAMILY_B, f"100001-{name}={outside}").bad_values == [name]


def test_an_empty_value_is_missing_and_not_bad() -> None:
    readings = read(ST80_FAMILY_B, "100001-Pt=,100001-Ia=1")

    assert readings.bad_values == []
    assert values_of(readings.circuits[0]) == {"ia": 1}


def test_unknown_codes_are_listed() -> None:
    assert read(ST80_FAMILY_B, "100001-Foo=1;w01018-Rtd=2;toolongcode-X=1").unknown_codes == [
        "Foo",
        "Rtd",
        "toolongcode",
    ]
    assert read(ST44_2025, "d21701-Rtd=1;100001-Rtd=1").unknown_codes == ["d21701", "100001"]


def test_nul_and_length_of_a_flag() -> None:
    [reading] = read(ST80_FAMILY_B, "100001-Pt=1,100001-Flag=\0abcdef").circuits

    assert reading.flag == "abcd"


def change(**changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(ST80_FAMILY_B.spec), **changes}


@pytest.mark.parametrize(
    "spec, told",
    [
        ([], "the specification: expected an object"),
        (change(match={}), "match.st: expected a list"),
        (change(item={"pattern": "("}), "item.pattern: no regular expression"),
        (change(item={"pattern": "^x$", "parameter": "field"}), "the group circuit is missing"),
        (change(item={"pattern": "(?P<circuit>x)"}), 'item: expected a group "parameter"'),
        (change(parameters={}), "parameters: expected at least one"),
        (change(parameters={"Pt": {"quantity": "power"}}), "parameters.Pt.quantity: expected"),
        (
            change(parameters={"Pt": {"quantity": "p_kw", "scale": "1"}}),
            "parameters.Pt.scale: expected a number",
        ),
        (change(bounds={"p_kw": [5, 1]}), "bounds.p_kw: the least must be below"),
        (change(bounds={"x": [1, 2]}), "bounds.x: expected one of"),
        (change(bounds={"energy_kwh": [-5, 5]}), "bounds.energy_kwh: the table keeps"),
        (change(data_time={"digits": [8]}), "data_time.digits: expected"),
        (change(data_time={"max_future_s": -1}), "data_time.max_future_s: expected"),
        (change(frame={"crc": ["md5"]}), "frame: "),
        (change(frame={"speed": 1}), "frame.speed: no such key"),
        (change(answer={"uploads": "maybe"}), "answer.uploads: expected"),
        (change(colour="red"), "colour: no such key"),
    ],
)
def test_a_bad_specification_is_told_its_key(spec: object, told: str) -> None:
    with pytest.raises(ProfileError, match=told.replace("(", r"\(")):
        compile_profile(spec)


@pytest.mark.parametrize("builtin", BUILTIN_PROFILES, ids=lambda builtin: builtin.name)
def test_the_shipped_profiles_compile(builtin: BuiltinProfile) -> None:
    assert made(builtin).name == builtin.name
