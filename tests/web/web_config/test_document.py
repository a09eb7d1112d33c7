"""The web configuration file: what exporter-toolkit's format means here, and every way to get it wrong."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from riverkeeper.web.web_config.document import WebConfig, WebConfigError, parse_web_config
from riverkeeper.web.web_config.rate_limit import RateLimit, TokenBucket
from riverkeeper.web.web_config.tls import ClientCertificate, TlsSettings

HASH = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"
FOLDER = Path("/etc/riverkeeper")
TLS = "tls_server_config: {cert_file: a.crt, key_file: a.key, client_ca_file: ca.pem, %s}"
REQUIRED = "client_auth_type: RequireAndVerifyClientCert"
WHOLE = f"""
tls_server_config:
  cert_file: tls/server.crt
  key_file: /run/secrets/server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.pem
  client_allowed_sans: [prometheus.example, 10.0.0.1]
  min_version: TLS12
  max_version: TLS13
  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_AES_128_GCM_SHA256]
  prefer_server_cipher_suites: false
  curve_preferences: [CurveP384]
http_server_config:
  http2: false
  headers:
    X-Frame-Options: deny
    Strict-Transport-Security: max-age=31536000
basic_auth_users:
  alice: {HASH}
rate_limit: {{interval: 1m30s, burst: 5}}
"""


def mistakes(text: str) -> str:
    with pytest.raises(WebConfigError) as caught:
        parse_web_config(text, FOLDER)
    return str(caught.value)


@pytest.mark.parametrize("text", ["", "# nothing\n", "tls_server_config:\n", "{}", "basic_auth_users: {}"])
def test_an_empty_file_is_plain_http(text: str) -> None:
    """As in exporter-toolkit, what is not set is off."""
    assert WebConfig() == parse_web_config(text, FOLDER)


def test_a_whole_file() -> None:
    """Every key that has an effect, as it ends up; file names are relative to the file's folder."""
    config = parse_web_config(WHOLE, FOLDER)

    assert config.tls == TlsSettings(
        cert_file=Path("/etc/riverkeeper/tls/server.crt"),
        key_file=Path("/run/secrets/server.key"),
        client_certificate=ClientCertificate.REQUIRED,
        client_ca_file=Path("/etc/riverkeeper/ca.pem"),
        allowed_sans=frozenset({"prometheus.example", "10.0.0.1"}),
        min_version=ssl.TLSVersion.TLSv1_2,
        max_version=ssl.TLSVersion.TLSv1_3,
        ciphers=("ECDHE-RSA-AES128-GCM-SHA256",),
        prefer_server_ciphers=False,
        curve="secp384r1",
    )
    assert config.headers == {"X-Frame-Options": "deny", "Strict-Transport-Security": "max-age=31536000"}
    assert config.users == {"alice": HASH.encode()}
    assert config.rate_limit == RateLimit(90.0, 5)
    assert not config.warnings


def test_http2_is_accepted_and_logged() -> None:
    """The key stands in many files; it must not break the start, nor be believed."""
    assert "HTTP/1.1 only" in parse_web_config("http_server_config: {http2: true}", FOLDER).warnings[0]


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("tls_server_confg: {}", "line 1: tls_server_confg: unknown key; known keys: tls_server_config,"),
        ("rate_limit: {interval: 1s, burst: 1}\nrate_limit: {}", "line 2: rate_limit: is given twice"),
        ("[]", "line 1: must be a mapping"),
        ("just words", "line 1: must be a mapping"),
        ("a: 'b", "line 1: not YAML: found unexpected end of stream"),
        ("a: \x07", "not YAML: the file holds characters"),
        ("basic_auth_users: [alice]", "line 1: basic_auth_users: must be a mapping"),
        ("basic_auth_users: {alice: secret}", "line 1: basic_auth_users.alice: is not a bcrypt hash; make one"),
        ("basic_auth_users: {alice: }", "basic_auth_users.alice: is not a bcrypt hash"),
        (f"basic_auth_users: {{'a:b': {HASH}}}", "the name of a user cannot hold a colon"),
        ("http_server_config: {headers: {Server: x}}", "http_server_config.headers.Server: cannot be set here; these"),
        ("http_server_config: {headers: {X-Frame-Options: allow}}", "X-Frame-Options: must be deny or sameorigin"),
        ("http_server_config: {headers: {X-Content-Type-Options: ''}}", "must be nosniff"),
        ('http_server_config: {headers: {X-XSS-Protection: "1\\r\\nEvil: 1"}}', "that an HTTP header cannot hold"),
        ("http_server_config: {http2: maybe}", "http_server_config.http2: must be true or false"),
        ("http_server_config: {http3: true}", "http_server_config.http3: unknown key"),
        ("rate_limit: {interval: 5, burst: 1}", "rate_limit.interval: must be a duration with its unit"),
        ("rate_limit: {interval: 1s}", "rate_limit.burst: must be 1 or more, else every request is refused"),
        ("rate_limit: {interval: 1s, burst: many}", "rate_limit.burst: must be a whole number"),
        ("tls_server_config: {min_version: TLS12}", "tls_server_config.cert_file: is missing"),
        ("tls_server_config: {cert_file: a, key_file: ''}", "tls_server_config.key_file: is missing"),
        ("tls_server_config: {cert: PEM, key: PEM}", "Python's ssl reads certificates and keys from files only"),
        (TLS % "min_version: TLS11", "tls_server_config.min_version: is no longer safe and not offered"),
        (TLS % "max_version: TLS14", "'TLS14' is not known; write one of TLS12, TLS13"),
        (TLS % "min_version: TLS13, max_version: TLS12", "tls_server_config.max_version: is below min_version"),
        (TLS % "client_auth_type: RequestClientCert", "requests a certificate without verifying it"),
        (TLS % "client_auth_type: RequireAnyClientCert", "requests a certificate without verifying it"),
        (TLS % "client_auth_type: Sometimes", "'Sometimes' is not known; write one of NoClientCert"),
        (TLS % "", "client_ca_file: has no effect without client_auth_type"),
        (TLS % f"{REQUIRED}, client_ca: PEM", "client_ca: and client_ca_file are both given"),
        (f"tls_server_config: {{cert_file: a, key_file: b, {REQUIRED}}}", "client_auth_type: needs client_ca_file"),
        (TLS % "client_auth_type: VerifyClientCertIfGiven, client_allowed_sans: [a]", "client_allowed_sans: needs"),
        (TLS % f"{REQUIRED}, client_allowed_sans: a", "client_allowed_sans: must be a list of words"),
        (TLS % f"{REQUIRED}, cipher_suites: [RC4]", "'RC4' is not a suite of Go's tls.CipherSuites()"),
        (TLS % f"{REQUIRED}, cipher_suites: [TLS_AES_128_GCM_SHA256]", "names no suite for TLS 1.2; add one"),
        (TLS % f"{REQUIRED}, curve_preferences: [X25519]", "takes exactly one of CurveP256, CurveP384"),
        (TLS % f"{REQUIRED}, curve_preferences: [CurveP256, CurveP384]", "takes exactly one of"),
        (TLS % f"{REQUIRED}, cert_file: [a]", "tls_server_config.cert_file: is given twice"),
        (TLS.replace("a.crt", "[a]") % REQUIRED, "tls_server_config.cert_file: must be a single value"),
    ],
)
def test_a_mistake_is_a_sentence(text: str, mistake: str) -> None:
    """What this server cannot do it refuses, in words; it never goes on with less than the file requires."""
    assert mistake in mistakes(text)


def test_all_mistakes_at_once_with_their_lines() -> None:
    """All mistakes are reported at once."""
    text = "a: 1\nhttp_server_config:\n  headers:\n    Server: x\nbasic_auth_users:\n  bob: x\n"

    assert [part.split(":")[0] for part in mistakes(text).split("; ")[:3:2]] == ["line 1", "line 4"]
    assert "; line 6: basic_auth_users.bob: " in mistakes(text)


def test_no_mistake_quotes_a_secret() -> None:
    """Mistakes end up in logs: a password written where its hash belongs must not."""
    assert "hunter2" not in mistakes("basic_auth_users: {alice: hunter2}")
    assert "hunter2" not in mistakes("basic_auth_users:\n  alice: hunter2\n bad indent: hunter2")


def test_only_suites_of_tls13_are_fine_with_tls13() -> None:
    """Where TLS 1.2 is off, no suite of it needs a name."""
    text = TLS % f"{REQUIRED}, min_version: TLS13, cipher_suites: [TLS_AES_128_GCM_SHA256]"

    config = parse_web_config(text, FOLDER)

    assert config.tls is not None
    assert config.tls.ciphers == ()


def test_a_bucket_lets_the_burst_in_and_then_one_at_a_time() -> None:
    """`burst` requests at once, then one each interval; tokens never pile up beyond the burst."""
    now = 0.0
    bucket = TokenBucket(RateLimit(2.0, 3), clock=lambda: now)

    assert [bucket.admits() for _ in range(4)] == [True, True, True, False]
    now = 2.0
    assert [bucket.admits() for _ in range(2)] == [True, False]
    now = 1000.0
    assert [bucket.admits() for _ in range(4)] == [True, True, True, False]
