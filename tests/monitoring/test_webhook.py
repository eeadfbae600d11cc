"""Alarms sent to real receivers that fail, stall, refuse, redirect, vanish and come back."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest

import planted_histories as planted
from rafair.errors import InputError
from rafair.monitoring.telling.alarm_sentences import alarm_message
from rafair.monitoring.telling.webhook import Webhook, deliver_due, next_pause
from receivers import Receiver

NOW = datetime(2026, 3, 1, tzinfo=UTC)


class Kept:
    """An outbox in memory, with the rules of the one in the store."""

    def __init__(self, *bodies):
        self.waiting = {number: [body, 0, NOW] for number, body in enumerate(bodies, 1)}
        self.sent, self.refused = [], {}

    def due(self, now):
        return [(i, body, n) for i, (body, n, at) in self.waiting.items() if at <= now]

    def done(self, delivery):
        self.sent.append(delivery)
        del self.waiting[delivery]

    def failed(self, delivery, attempts, next_time):
        self.waiting[delivery][1:] = [attempts, next_time]

    def given_up(self, delivery, reason):
        self.refused[delivery] = reason
        del self.waiting[delivery]


def messages(count=1):
    history = planted.planted_history(20 + count, falls=planted.JOINT_FALL)
    return [
        alarm_message(history.reference.id, history.reference.run, w.window, w.alarms[0])
        for w in history.windows[20:]
    ]


def test_it_fails_twice_and_is_then_taken_with_the_same_key():
    outbox, said = Kept(*messages()), []
    with Receiver(lambda number: 503 if number < 3 else 200) as receiver:
        hook, now = Webhook(receiver.url), NOW
        for attempt in (1, 2):
            deliver_due(outbox, hook, now, said.append)
            _, attempts, next_time = outbox.waiting[1]
            assert attempts == attempt
            assert timedelta(seconds=2 ** (attempt - 1)) <= next_time - now
            deliver_due(outbox, hook, now, said.append)  # its time has not come
            now = next_time
        deliver_due(outbox, hook, now, said.append)
    assert outbox.sent == [1]
    assert len(receiver.taken) == 3
    assert len({headers["Idempotency-Key"] for headers, _ in receiver.taken}) == 1
    assert {body for _, body in receiver.taken} == {receiver.taken[0][1]}
    assert json.loads(receiver.taken[0][1]) == messages()[0]
    host = f"webhook http://127.0.0.1:{receiver.port}"
    assert said == [
        f"{host}: status 503; the alarm is kept and sent again later",
        f"{host}: an alarm was taken at try 3",
    ]


def test_keys_differ_between_alarms():
    with Receiver() as receiver:
        deliver_due(Kept(*messages(3)), Webhook(receiver.url), NOW, print)
    assert len({headers["Idempotency-Key"] for headers, _ in receiver.taken}) == 3


@pytest.mark.parametrize("encoded", [False, True])
def test_a_receiver_can_check_the_signature(monkeypatch, encoded):
    key = b"\x00\xffkey" if encoded else b"open sesame"
    secret = "whsec_" + base64.b64encode(key).decode() if encoded else key.decode()
    monkeypatch.setenv("RAFAIR_WEBHOOK_SECRET", secret)
    with Receiver() as receiver:
        deliver_due(Kept(*messages()), Webhook(receiver.url), NOW, print)
    ((headers, body),) = receiver.taken
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert int(headers["webhook-timestamp"]) == NOW.timestamp()
    assert secret not in str(headers)


def test_without_a_secret_nothing_is_signed(monkeypatch):
    monkeypatch.delenv("RAFAIR_WEBHOOK_SECRET", raising=False)
    with Receiver() as receiver:
        deliver_due(Kept(*messages()), Webhook(receiver.url), NOW, print)
    assert "webhook-signature" not in receiver.taken[0][0]


@pytest.mark.parametrize("does", ["slow", "drip"])
def test_a_receiver_that_stalls_costs_one_timeout_whatever_waits(does):
    outbox, said = Kept(*messages(4)), []
    with Receiver(lambda number: does) as receiver:
        began = time.monotonic()
        deliver_due(outbox, Webhook(receiver.url, timeout_s=0.5), NOW, said.append)
        took = time.monotonic() - began
    assert 0.5 <= took < 5, "not four timeouts of a receiver that would take 20 s each"
    assert len(receiver.taken) == 1
    assert [attempts for _, attempts, _ in outbox.waiting.values()] == [1, 0, 0, 0]
    assert not outbox.due(NOW)
    assert len(said) == 1
    assert "no answer within 0.5 s" in said[0]


def test_an_answer_that_never_ends_is_an_answer():
    outbox = Kept(*messages())
    with Receiver(lambda number: "endless") as receiver:
        deliver_due(outbox, Webhook(receiver.url, timeout_s=20), NOW, print)
    assert outbox.sent == [1]


@pytest.mark.parametrize("status", [400, 401, 404, 410, 422])
def test_what_is_refused_is_said_once_and_holds_up_no_other(status):
    outbox, said = Kept(*messages(2)), []
    with Receiver(lambda number: status if number == 1 else 200) as receiver:
        deliver_due(outbox, Webhook(receiver.url), NOW, said.append)
    assert outbox.refused == {1: f"status {status}"}
    assert outbox.sent == [2]
    assert len(said) == 1
    assert said[0].endswith(f"got status {status}; the alarm is not sent again")
    assert "secret" not in said[0]


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(status):
    outbox = Kept(*messages())
    with Receiver(lambda number: status, {"Retry-After": "77"}) as receiver:
        deliver_due(outbox, Webhook(receiver.url), NOW, print)
    assert outbox.waiting[1][1:] == [1, NOW + timedelta(seconds=77)]


def test_redirects_are_not_followed():
    outbox = Kept(*messages())
    with Receiver() as other, Receiver(lambda number: 307, {"Location": other.url}) as receiver:
        deliver_due(outbox, Webhook(receiver.url), NOW, print)
        assert other.taken == []
    assert outbox.refused == {1: "status 307 (redirects are not followed)"}


def test_a_dead_port_and_a_restart():
    outbox, said = Kept(*messages(2)), []
    receiver = Receiver()
    receiver.start()
    receiver.stop()
    hook = Webhook(receiver.url)
    deliver_due(outbox, hook, NOW, said.append)
    assert "no connection (ConnectError)" in said[0]
    assert not outbox.sent
    later = NOW + timedelta(seconds=10)
    with receiver:
        deliver_due(outbox, hook, later, said.append)
    assert outbox.sent == [1, 2]


def test_a_host_without_a_name_is_tried_again(no_names):
    outbox = Kept(*messages())
    deliver_due(outbox, Webhook("http://nowhere.invalid/x", timeout_s=3), NOW, lambda line: None)
    assert outbox.waiting[1][1] == 1


def test_pauses_grow_and_end_at_ten_minutes():
    bounds = [(next_pause(n), 2.0**n) for n in range(1, 9)]
    assert all(longest / 2 <= pause <= longest for pause, longest in bounds)
    assert len({next_pause(5) for _ in range(10)}) > 1
    for attempts in (20, 10_000):
        assert 300 <= next_pause(attempts) <= 600
    assert next_pause(1, 1e9) == next_pause(1, float("inf")) == 600


@pytest.mark.parametrize(
    "url",
    [
        *("", "hooks", "ftp://host/secret", "http://", "https:///secret", "http://a b/secret"),
        *("http://host:99999/secret", "http://host:x/secret", "http://höst/secret"),
        *("file:///etc/passwd", "http://[::1/secret", "http://ho\nst/secret"),
        *("http://user:secret@host/", "https://secret@host/"),
    ],
)
def test_a_wrong_address_is_refused_without_repeating_it(url):
    with pytest.raises(InputError, match=r"^webhook: expected an address such as") as caught:
        Webhook(url)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_wrong_secret_is_refused_without_repeating_it():
    with pytest.raises(InputError, match="RAFAIR_WEBHOOK_SECRET: expected Base64") as caught:
        Webhook("http://localhost/", secret="whsec_höhö")
    assert "höhö" not in str(caught.value)


def test_nothing_secret_is_shown():
    hook = Webhook("https://host/T0/very-secret?key=very-secret", secret="very-secret")
    assert "secret" not in f"{hook} {hook!r}"


WAITING = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # as a shell in front has it
from datetime import UTC, datetime
from rafair.monitoring.telling.webhook import Webhook
try:
    Webhook(sys.argv[1], timeout_s=60).send({}, datetime.now(UTC))
except KeyboardInterrupt:
    print("interrupted")
"""


def test_an_interrupt_while_waiting_leaves_no_complaint():
    with Receiver(lambda number: "slow") as receiver:
        sender = subprocess.Popen(
            [sys.executable, "-X", "dev", "-c", WAITING, receiver.url],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        while not receiver.taken and sender.poll() is None:
            time.sleep(0.05)
        time.sleep(0.2)
        sender.send_signal(signal.SIGINT)
        out, err = sender.communicate(timeout=60)
    # asyncio's development mode also tells of every step that took 0.1 s, as on a busy machine
    complaints = [line for line in err.splitlines() if not line.startswith("Executing <Task")]
    assert (out, complaints, sender.returncode) == ("interrupted\n", [], 0)
