"""CP text to fields and factors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meters.protocol import format_cp, parse_cp


@pytest.mark.parametrize(
    ("text", "fields", "factors"),
    [
        ("", {}, {}),
        ("DataTime=1", {"DataTime": "1"}, {}),
        ("a-Rtd=1,a-Flag=N;b-Rtd=2", {}, {"a": {"Rtd": "1", "Flag": "N"}, "b": {"Rtd": "2"}}),
        # grouped by the code, whatever separates
        ("a-Rtd=1;b-Rtd=2,a-Flag=N", {}, {"a": {"Rtd": "1", "Flag": "N"}, "b": {"Rtd": "2"}}),
        ("BeginTime=1,EndTime=2", {"BeginTime": "1", "EndTime": "2"}, {}),
        (" PolId=x ; a-Rtd = 1 ,\ta-Flag=N\r\n", {"PolId": "x"}, {"a": {"Rtd": "1", "Flag": "N"}}),
        ("a-Rtd=,b=", {"b": ""}, {"a": {"Rtd": ""}}),
        ("a-Rtd=1;a-Rtd=2;b=1;b=2", {"b": "2"}, {"a": {"Rtd": "2"}}),
        ("a-b-c=1", {}, {"a": {"b-c": "1"}}),
        ("a=-1;c=d=e", {"a": "-1", "c": "d=e"}, {}),
        ("nonsense;a=1;;,", {"a": "1"}, {}),
        ("=5;-x=1;y-=2", {"-x": "1", "y-": "2"}, {}),
        ("i-Info=//a;b,c=d//", {}, {"i": {"Info": "//a;b,c=d//"}}),
        ("i-Info= //a;b// ;b=1", {"b": "1"}, {"i": {"Info": "//a;b//"}}),
        ("i=//http://x;y//,b=1", {"i": "//http://x;y//", "b": "1"}, {}),
        ("i=////;b=1", {"i": "////", "b": "1"}, {}),
        ("i=//open;b=1", {"i": "//open", "b": "1"}, {}),
        ("i=//two\nlines;x//;b=1", {"i": "//two\nlines;x//", "b": "1"}, {}),
        ("备注=停电;a=1", {"备注": "停电", "a": "1"}, {}),
    ],
)
def test_it_groups_values_by_the_code_before_the_dash(
    text: str, fields: dict[str, str], factors: dict[str, dict[str, str]]
) -> None:
    assert parse_cp(text) == (fields, factors)


@given(st.text(alphabet="ab-=;,/ \n#", max_size=60))
def test_no_text_raises(text: str) -> None:
    fields, factors = parse_cp(text)
    assert "" not in fields
    assert all(values for values in factors.values())


_word = st.text(alphabet="abcXYZ019_", min_size=1, max_size=6)
_value = st.text(alphabet="019.-NDa设", max_size=8)


@given(
    st.dictionaries(_word, _value, max_size=4),
    st.dictionaries(_word, st.dictionaries(_word, _value, min_size=1, max_size=4), max_size=4),
)
def test_written_parameters_read_back(
    fields: dict[str, str], factors: dict[str, dict[str, str]]
) -> None:
    assert parse_cp(format_cp(fields, factors)) == (fields, factors)
