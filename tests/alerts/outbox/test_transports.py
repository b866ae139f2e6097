"""The channels' own promises, and that the stand-ins are as strict as providers are."""

import http.client
import json
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from django.db import transaction
from django.utils import timezone

from alerts import dispatch, outbox
from alerts.models import Notification
from alerts.standins.sms import Behaviour, SmsStandIn, make_id
from alerts.transports import Message, TransportError
from alerts.transports.email.transport import EmailTransport
from alerts.transports.sms import signing
from alerts.transports.sms.transport import SmsTransport

MESSAGE = Message(key="alert:1:opened:user:2:SMS", address="13900000001", subject="", text="疑似")


@pytest.fixture
def standin():
    with SmsStandIn(key_id="k", secret="s") as running:
        yield running


@pytest.fixture
def transport(standin):
    opened = SmsTransport(url=standin.url, key_id="k", secret="s", timeout_s=0.5)
    yield opened
    opened.close()


def post(standin, *, signed_with="s", key_id="k", key=MESSAGE.key, timestamp=None, body=None):
    """Post a message as anyone might, and return the status."""
    fields = {"key": MESSAGE.key, "phone": "1", "text": "x"}
    body = json.dumps(fields).encode() if body is None else body
    timestamp = int(time.time()) if timestamp is None else timestamp
    signature = signing.sign(signed_with, key=key, timestamp=timestamp, body=body)
    connection = http.client.HTTPConnection("127.0.0.1", standin.port, timeout=5)
    headers = {
        signing.ID_HEADER: key,
        signing.KEY_HEADER: key_id,
        signing.TIMESTAMP_HEADER: str(timestamp),
        signing.SIGNATURE_HEADER: signature,
    }
    connection.request("POST", "/messages", body=body, headers=headers)
    status = connection.getresponse().status
    connection.close()
    return status


# --- signatures ---


def test_a_signed_message_is_taken_once_however_often_it_comes(standin):
    assert [post(standin), post(standin)] == [200, 200]
    assert list(standin.taken) == [MESSAGE.key]
    assert standin.count_calls() == {MESSAGE.key: 2}


@pytest.mark.parametrize(
    "forged",
    [
        {"signed_with": "guess"},
        {"key_id": "other"},
        {"timestamp": 0},
        {"timestamp": int(time.time()) + 10_000},
    ],
)
def test_what_is_not_signed_now_by_us_is_turned_away(standin, forged):
    assert post(standin, **forged) == 401
    assert standin.taken == {}
    assert standin.refused == ["signature"]


def test_a_signature_is_for_one_key_one_time_and_one_body():
    good = {"key": "a", "timestamp": 1_000, "body": b"{}"}
    signature = signing.sign("s", **good)
    for changed in ({"key": "b"}, {"timestamp": 1_001}, {"body": b"[]"}):
        parts = good | changed
        parts["timestamp"] = str(parts["timestamp"])
        assert not signing.is_signed("s", **parts, signature=signature, now=1_000)
    good["timestamp"] = "1000"
    assert signing.is_signed("s", **good, signature=signature, now=1_299)
    assert not signing.is_signed("s", **good, signature=signature, now=1_301)


@pytest.mark.parametrize("timestamp", ["", "x", "²", "-1", "1e3"])
def test_a_timestamp_that_is_none_is_no_signature(timestamp):
    assert not signing.is_signed("s", key="", timestamp=timestamp, body=b"", signature="", now=0)


@pytest.mark.parametrize("body", [b"", b"[]", b"nonsense", b'{"key": "x"}', b"\xff"])
def test_a_malformed_body_is_refused(standin, body):
    assert post(standin, body=body) == 400
    assert standin.taken == {}


# --- SMS transport ---


def test_one_connection_serves_a_batch_and_a_dropped_one_is_replaced(standin, transport):
    transport.send(MESSAGE)
    kept = transport._connection.sock
    transport.send(MESSAGE)
    assert transport._connection.sock is kept
    standin.behave(Behaviour.ACCEPT_SILENTLY)
    with pytest.raises(TransportError):
        transport.send(MESSAGE)
    assert transport.send(MESSAGE).provider_id == make_id(MESSAGE.key)


def test_a_look_up_tells_taken_from_unknown(standin, transport):
    assert transport.look_up(MESSAGE.key) is None
    transport.send(MESSAGE)
    assert transport.look_up(MESSAGE.key).provider_id == make_id(MESSAGE.key)


def test_a_redirect_is_not_followed(standin, transport):
    standin.behave(Behaviour.REDIRECT)
    with pytest.raises(TransportError) as caught:
        transport.send(MESSAGE)
    assert (caught.value.permanent, caught.value.outcome_unknown) == (False, False)
    assert len(standin.calls) == 1


def test_the_provider_may_say_how_long_to_wait(standin, transport):
    standin.behave(Behaviour.TOO_MANY_429)
    with pytest.raises(TransportError) as caught:
        transport.send(MESSAGE)
    assert caught.value.retry_after_s == 1.0


def serve_once(answer: bytes) -> int:
    """Answer one connection with these bytes, and return the port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        with listener, listener.accept()[0] as peer:
            peer.recv(65536)
            peer.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    return listener.getsockname()[1]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"id": 7}',
        b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{"id": ""}',
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" + b"[" * 100_000,
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 599 \xff\xfe\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_no_answer_of_a_provider_raises_anything_but_a_transport_error(answer):
    url = f"http://127.0.0.1:{serve_once(answer)}/messages"
    transport = SmsTransport(url=url, key_id="k", secret="s", timeout_s=0.5)
    with pytest.raises(TransportError) as caught:
        transport.send(MESSAGE)
    transport.close()
    assert caught.value.outcome_unknown


def test_a_404_of_somebody_else_is_no_look_up():
    """A proxy's 404 must not make us send again what was taken."""
    port = serve_once(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}")
    transport = SmsTransport(
        url=f"http://127.0.0.1:{port}/messages", key_id="k", secret="s", timeout_s=0.5
    )
    with pytest.raises(TransportError) as caught:
        transport.look_up("key")
    transport.close()
    assert caught.value.outcome_unknown


def test_https_checks_the_providers_certificate():
    transport = SmsTransport(url="https://sms.example/", key_id="k", secret="s", timeout_s=1)
    context = transport._connection._context
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname


# --- email ---


@pytest.mark.parametrize("url", ["", "http://127.0.0.1", "smtp://"])
def test_a_mail_server_that_is_not_set_up_is_an_error_of_the_transport(url):
    with pytest.raises(TransportError):
        EmailTransport(url=url, sender="a@b.example")


def test_a_password_never_travels_in_clear(mail, monkeypatch):
    monkeypatch.setattr("alerts.transports.email.transport.LOOPBACK", frozenset())
    url = mail.url.replace("smtp://", "smtp://user:secret@")
    transport = EmailTransport(url=url, sender="a@b.example")
    with pytest.raises(TransportError, match="no encryption"):
        transport.send(Message(key="k", address="c@d.example", subject="s", text="t"))
    transport.close()


@pytest.mark.django_db(transaction=True)
def test_a_hostile_enterprise_name_injects_nothing_on_its_way_out(world, sms, mail):
    world.enterprise.name = '坏\r\nBcc: spy@evil.example\r\n\r\n<img src=x onerror="y">公司'
    world.enterprise.save()
    with transaction.atomic():
        outbox.queue_notifications(*world.make_alert(), event="opened", now=timezone.now())
    dispatch.dispatch()
    assert Notification.objects.filter(state="SENT").count() == 8
    for taken in mail.mails:
        assert taken.parsed["Bcc"] is None
        assert len(taken.recipients) == 1
        assert "\n" not in taken.parsed["Subject"]
        assert "<img" not in taken.parsed.get_body(("html",)).get_content()
    for call in sms.calls:
        assert "\n" not in call.text
        assert call.text.startswith(("一级", "Level 1"))


# --- the commands ---


@pytest.mark.parametrize(
    ("command", "extra"), [("sms_standin", ["--latency-ms", "1"]), ("mail_standin", [])]
)
def test_a_stand_in_says_when_it_is_ready_and_ends_cleanly(command, extra):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "manage.py", command, "--port", str(port), *extra],
        cwd=Path(__file__).resolve().parents[3],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline().startswith(f"{command} ready ")
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            _out, errors = process.communicate(timeout=10)
        finally:
            process.kill()
    assert process.returncode == 0
    assert "Traceback" not in errors
