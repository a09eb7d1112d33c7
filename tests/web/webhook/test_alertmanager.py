"""Messages of Alertmanager: what wakes, what is left, and that nothing hostile gets further than a 4xx."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.alertmanager_messages import LABELS, TIERS, alert, message
from riverkeeper.rescue.wakes.wake import AlertStatus, Call, Scope
from riverkeeper.verdict.verdict import STUCK
from riverkeeper.web.webhook.alertmanager import MOST_TRUNCATED, AlertMessage, BadMessage, read_message

texts = st.text(st.characters(), max_size=20)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def read(body: bytes) -> AlertMessage:
    return read_message(body, TIERS)


def refused(body: bytes) -> int:
    with pytest.raises(BadMessage) as caught:
        read(body)
    return caught.value.status


def taken_or_status(body: bytes) -> AlertMessage | int:
    try:
        return read(body)
    except BadMessage as error:
        return error.status


def labelled(**changes: Any) -> dict[str, Any]:
    return alert(labels=LABELS | changes)


def test_labels_choose_a_scope_and_nothing_else() -> None:
    """Queue, kind, tier and reason narrow; the alert's name and fingerprint are logged; no field names a job."""
    (call,) = read(message(alert())).calls

    assert call == Call(
        "0123456789abcdef", 1_700_000_000.123456, "RiverJobsStuck", Scope("mail", "send", "urgent", "worker_lost")
    )


def test_an_empty_label_is_an_absent_one() -> None:
    """As in Prometheus; both mean any."""
    bare = {"alertname": "A", "rescue": "allow"}

    assert read(message(alert(labels=bare))) == read(message(alert(labels=bare | {"queue": "", "kind": ""})))
    assert read(message(alert(labels=bare))).calls[0].scope == Scope()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (alert(status="resolved"), AlertStatus.RESOLVED),
        (labelled(rescue="yes"), AlertStatus.NOT_ALLOWED),
        (alert(labels={"alertname": "A"}), AlertStatus.NOT_ALLOWED),
        (labelled(tier="Urgent"), AlertStatus.UNKNOWN_SCOPE),
        (labelled(tier="gold"), AlertStatus.UNKNOWN_SCOPE),
        (labelled(reason="ok"), AlertStatus.UNKNOWN_SCOPE),
        (labelled(reason="unknown"), AlertStatus.UNKNOWN_SCOPE),
        (labelled(reason="*"), AlertStatus.UNKNOWN_SCOPE),
        (labelled(queue="a\0b"), AlertStatus.UNKNOWN_SCOPE),
        (labelled(kind="\ud800"), AlertStatus.UNKNOWN_SCOPE),
        (labelled(queue="q" * 1001), AlertStatus.UNKNOWN_SCOPE),
    ],
)
def test_what_may_not_wake_is_left_out_and_counted(sent: Any, status: AlertStatus) -> None:
    """A scope that cannot be met is never widened; the other alerts of the message are taken all the same."""
    taken = read(message(sent, alert(fingerprint="ff")))

    assert [call.fingerprint for call in taken.calls] == ["ff"]
    assert taken.counts == {status: 1}


def test_each_alert_is_judged_by_its_own_status() -> None:
    """The status of the message decides nothing: one with status firing carries resolved alerts of its group too."""
    taken = read(message(alert(status="resolved"), alert(fingerprint="ff"), status="resolved"))

    assert [call.fingerprint for call in taken.calls] == ["ff"]


def test_truncated_alerts_are_counted_and_widen_nothing() -> None:
    """Alertmanager's max_alerts leaves some out: the calls that did come keep their scope."""
    taken = read(message(alert(), truncatedAlerts=3))

    assert taken.counts == {AlertStatus.TRUNCATED: 3}
    assert taken.calls[0].scope.queue == "mail"


@pytest.mark.parametrize("value", ["'; DROP TABLE river_job; --", "\x1b[31m\n", "<script>", "%s %(x)s", "💥"])
def test_strange_names_are_only_names(value: str) -> None:
    """They are compared with names in the table, and match none that differs."""
    taken = read(message(labelled(queue=value, alertname=value)))

    assert taken.calls[0].scope.queue == value
    assert taken.calls[0].alert.isprintable()


@pytest.mark.parametrize(
    "body",
    [
        b"", b"not json", b"\xff\xfe", b"null", b"[]", b'"4"', b"1" * 5000, b"[" * 10_000 + b"]" * 10_000,
        b'{"version": "4", "alerts": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
        message(alerts=None), message(alerts={}), message(alerts="x"), message(1), message(None), message([]),
        message(alert(labels=None)), message(alert(labels=[])), message(labelled(queue=1)), message(labelled(x=None)),
        message(alert(status=1)), message(alert(status="pending")), message(alert(startsAt=None)),
        message(alert(startsAt="yesterday")), message(alert(startsAt="2023-02-31T00:00:00Z")),
        message(alert(startsAt="2023-11-14T22:13:20")), message(alert(startsAt="0000-01-01T00:00:00Z")),
        message(alert(fingerprint=None)), message(alert(fingerprint="")), message(alert(fingerprint="x" * 65)),
        message(alert(fingerprint="a b")), message(truncatedAlerts="3"), message(truncatedAlerts=-1),
        message(truncatedAlerts=True), message(truncatedAlerts=MOST_TRUNCATED + 1),
    ],
)  # fmt: skip
def test_what_is_no_message_is_refused_whole(body: bytes) -> None:
    """400, and no alert of it is taken: a message half understood is not acted on."""
    assert refused(body) == 400


@pytest.mark.parametrize("version", ["3", "5", 4, None, "", ["4"]])
def test_another_version_is_not_guessed(version: object) -> None:
    """422."""
    assert refused(message(alert(), version=version)) == 422


def test_unknown_fields_are_ignored() -> None:
    """Newer Alertmanagers say more."""
    sent = alert(notification_reason="repeat interval elapsed")

    assert len(read(message(sent, notification_reason="first notification", new={"a": [1]})).calls) == 1


@given(st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode()))
def test_garbage_is_never_a_call(body: bytes) -> None:
    """Whatever comes by chance is refused."""
    assert taken_or_status(body) in {400, 422}


@given(st.dictionaries(st.sampled_from(sorted(alert())), json_values), st.dictionaries(texts, json_values, max_size=3))
def test_hostile_alerts_are_calls_within_bounds_or_refused(changes: dict[str, Any], labels: dict[str, Any]) -> None:
    """Wrong types anywhere: nothing but BadMessage comes out, and a call is one that can be stored and met."""
    sent = alert(**changes)
    if isinstance(sent["labels"], dict):
        sent["labels"] = sent["labels"] | labels
    taken = taken_or_status(message(sent))

    assert taken == 400 or (isinstance(taken, AlertMessage) and all(call.scope.can_be(TIERS) for call in taken.calls))


@given(st.dictionaries(st.sampled_from(["queue", "kind", "tier", "reason"]), texts))
def test_a_label_never_widens(labels: dict[str, str]) -> None:
    """A label that is there and not empty stands in the scope as it is, or the alert wakes nobody."""
    for call in read(message(labelled(**labels))).calls:
        wanted = {name: value or None for name, value in (LABELS | labels).items()}
        scope = call.scope
        assert (scope.queue, scope.kind, scope.tier, scope.reason) == tuple(
            wanted[name] for name in ("queue", "kind", "tier", "reason")
        )
        assert scope.reason is None or scope.reason in STUCK


GRAFANA = {
    "receiver": "riverkeeper",
    "status": "firing",
    "orgId": 1,
    "alerts": [
        {
            "status": "firing",
            "labels": {
                "alertname": "River jobs stuck", "grafana_folder": "River", "kind": "invoice", "queue": "default",
                "reason": "worker_lost", "rescue": "allow", "tier": "standard",
            },
            "annotations": {"summary": "3 jobs"},
            "startsAt": "2026-11-28T02:00:10.123456789+01:00",
            "endsAt": "0001-01-01T00:00:00Z",
            "values": {"A": 3, "C": 1},
            "valueString": "[ var='A' labels={} value=3 ]",
            "generatorURL": "https://grafana.example/alerting/grafana/abc/view?orgId=1",
            "fingerprint": "57c6d9296de2ad39",
            "silenceURL": "https://grafana.example/alerting/silence/new",
            "dashboardURL": "", "panelURL": "", "imageURL": "",
        },
    ],
    "groupLabels": {"alertname": "River jobs stuck"},
    "commonLabels": {"rescue": "allow"},
    "commonAnnotations": {},
    "externalURL": "https://grafana.example/",
    "version": "1",
    "groupKey": "{}:{alertname=\"River jobs stuck\"}",
    "truncatedAlerts": 0,
    "title": "[FIRING:1] River jobs stuck",
    "state": "alerting",
    "message": "**Firing**",
}  # fmt: skip


def test_grafana_s_own_alerting_wakes_as_alertmanager_does() -> None:
    """Its message has the same alerts, under version 1; what Grafana adds is ignored."""
    (call,) = read(json.dumps(GRAFANA).encode()).calls

    assert call.scope == Scope("default", "invoice", "standard", "worker_lost")
    assert (call.fingerprint, call.alert) == ("57c6d9296de2ad39", "River jobs stuck")
