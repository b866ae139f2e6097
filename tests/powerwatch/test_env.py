"""The readers of environment variables say what is wrong and where."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from powerwatch import env


def test_an_unset_variable_without_default_is_refused(monkeypatch):
    monkeypatch.delenv("PW_X", raising=False)
    with pytest.raises(ImproperlyConfigured, match="PW_X must be set"):
        env.text("PW_X")


def test_an_empty_variable_counts_as_unset(monkeypatch):
    monkeypatch.setenv("PW_X", "")
    assert env.text("PW_X", "fallback") == "fallback"


def test_a_secret_comes_from_the_file_that_is_named(monkeypatch, tmp_path):
    (tmp_path / "key").write_text("s3cret\n")
    monkeypatch.delenv("PW_X", raising=False)
    monkeypatch.setenv("PW_X_FILE", str(tmp_path / "key"))
    assert env.text("PW_X") == "s3cret"


def test_a_missing_file_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("PW_X_FILE", str(tmp_path / "none"))
    with pytest.raises(ImproperlyConfigured, match="PW_X_FILE"):
        env.text("PW_X")


@pytest.mark.parametrize(
    ("value", "meaning"), [("1", True), ("yes", True), ("0", False), ("off", False), ("", False)]
)
def test_a_flag_reads_yes_and_no(monkeypatch, value, meaning):
    monkeypatch.setenv("PW_X", value)
    assert env.flag("PW_X") is meaning


def test_a_flag_refuses_anything_else(monkeypatch):
    monkeypatch.setenv("PW_X", "perhaps")
    with pytest.raises(ImproperlyConfigured, match="PW_X='perhaps'"):
        env.flag("PW_X")


@pytest.mark.parametrize("value", ["ten", "1.5", "-1"])
def test_a_number_refuses_what_is_none_or_too_small(monkeypatch, value):
    monkeypatch.setenv("PW_X", value)
    with pytest.raises(ImproperlyConfigured, match="PW_X"):
        env.integer("PW_X", 5, minimum=0)


def test_only_postgresql_is_taken():
    with pytest.raises(ImproperlyConfigured, match="only postgresql"):
        env.database("mysql://u@h/d", name="DATABASE_URL")


def test_a_database_url_is_taken_apart_and_unquoted():
    settings = env.database(
        "postgresql://u:p%40w@h:5433/d", name="DATABASE_URL", settings={"role": "r", "a.b": "c"}
    )
    assert settings["PASSWORD"] == "p@w"
    assert settings["PORT"] == "5433"
    assert settings["OPTIONS"]["options"] == "-c role=r -c a.b=c"
