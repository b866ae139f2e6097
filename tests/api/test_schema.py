"""The schema is whole, valid and without a warning; its pages come from our own server."""

import pytest
from django.core.management import call_command


def test_the_schema_is_valid_and_gives_no_warning(tmp_path):
    call_command(
        "spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yml")
    )


@pytest.mark.parametrize(("language", "word"), [("zh-hans", "企业"), ("en", "List enterprises")])
def test_the_schema_speaks_the_readers_language(client, db, language, word):
    schema = client.get("/api/schema", HTTP_ACCEPT_LANGUAGE=language).json()
    operation = schema["paths"]["/api/v1/enterprises"]["get"]
    assert word in operation["summary"]
    assert {"200", "400", "401", "403", "429"} <= set(operation["responses"])


def test_every_operation_has_words_an_example_and_a_scope(client, db):
    schema = client.get("/api/schema").json()
    for path, verbs in schema["paths"].items():
        for verb, operation in verbs.items():
            assert operation["summary"], path
            assert operation["security"], path
            good = operation["responses"].get("200") or operation["responses"]["201"]
            assert good["content"]["application/json"].get("examples"), (verb, path)


def test_the_docs_hold_no_inline_script_and_no_foreign_address(client, db):
    page = client.get("/api/docs/")
    text = page.content.decode()
    assert page.status_code == 200
    assert "<style" not in text
    assert "<script>" not in text
    assert "http" not in text.replace("http-equiv", "")
    assert "script-src" not in page["Content-Security-Policy"]
    assert client.get("/api/docs/?script").status_code == 200
