"""TLS by the web configuration file, with real handshakes on loopback."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from structlog.testing import capture_logs

from fixtures.web import LIMIT, FakeService, replace_file, served
from riverkeeper.web.errors import WebError
from riverkeeper.web.http.listener import Listener
from riverkeeper.web.web_config.security import Security


class Certificates:
    """A folder with a server's certificate, its key, an authority for clients, and a web configuration."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = trustme.CA()
        self.clients = trustme.CA()
        self.config = folder / "web.yml"
        self.issue("localhost", "127.0.0.1")
        self.clients.cert_pem.write_to_path(folder / "clients.pem")
        self.configure()

    def issue(self, *names: str) -> None:
        """Put a new certificate and its key in place of the old ones."""
        issued = self.authority.issue_cert(*names)
        replace_file(self.folder / "server.crt", b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        replace_file(self.folder / "server.key", issued.private_key_pem.bytes())

    def configure(self, more: str = "") -> None:
        replace_file(self.config, f"tls_server_config: {{cert_file: server.crt, key_file: server.key, {more}}}")

    def require(self, more: str = "") -> None:
        """Ask clients for a certificate."""
        self.configure(f"client_auth_type: RequireAndVerifyClientCert, client_ca_file: clients.pem, {more}")

    def trust(self, client: trustme.LeafCert | None = None) -> ssl.SSLContext:
        """What a client uses that believes our authority."""
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        if client:
            client.configure_cert(context)
        return context


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path)


@contextlib.contextmanager
def tls_client(port: int, context: ssl.SSLContext) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"https://127.0.0.1:{port}", verify=context, timeout=LIMIT) as client:
        yield client


def status(port: int, context: ssl.SSLContext) -> int:
    with tls_client(port, context) as client:
        return client.get("/metrics").status_code


def serial(port: int, context: ssl.SSLContext) -> str:
    """Which certificate a new connection is shown."""
    with (
        socket.create_connection(("127.0.0.1", port), LIMIT) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
    ):
        certificate = secured.getpeercert()
        assert certificate
        return str(certificate["serialNumber"])


def test_pages_over_tls(certificates: Certificates) -> None:
    """With a certificate in the file the server speaks TLS, and HTTP/1.1 to those who offer more."""
    context = certificates.trust()
    context.set_alpn_protocols(["h2", "http/1.1"])

    with served(FakeService(), Security(certificates.config)) as port:
        assert status(port, context) == 200


def test_new_certificates_hold_from_the_next_handshake_on(certificates: Certificates) -> None:
    """A renewed certificate is shown without a restart; a connection that is open goes on."""
    context = certificates.trust()
    with served(FakeService(), Security(certificates.config)) as port, tls_client(port, context) as open_before:
        open_before.get("/metrics")
        before = serial(port, context)

        certificates.issue("127.0.0.1")

        assert before != serial(port, context)
        assert open_before.get("/metrics").status_code == 200


def test_half_a_renewal_keeps_the_old_pair(certificates: Certificates) -> None:
    """Between the two writes of a renewal certificate and key do not match: the old pair serves, logged once."""
    context = certificates.trust()
    key = (certificates.folder / "server.key").read_bytes()
    with served(FakeService(), Security(certificates.config)) as port, capture_logs() as log:
        before = serial(port, context)
        certificates.issue("127.0.0.1")
        new_key = (certificates.folder / "server.key").read_bytes()
        replace_file(certificates.folder / "server.key", key)

        assert [serial(port, context) for _ in range(3)] == [before] * 3
        replace_file(certificates.folder / "server.key", new_key)
        assert before != serial(port, context)

    errors = [entry for entry in log if entry["log_level"] == "error"]
    assert len(errors) == 1
    assert "is not the key of cert_file" in errors[0]["reason"]


def test_client_certificates_can_be_required(certificates: Certificates) -> None:
    """Without a certificate of the named authority nobody gets further than the handshake."""
    certificates.require()
    service = FakeService()
    with served(service, Security(certificates.config)) as port:
        assert status(port, certificates.trust(certificates.clients.issue_cert("prometheus.example"))) == 200
        for client in (None, trustme.CA().issue_cert("prometheus.example")):
            with pytest.raises(httpx.TransportError):
                status(port, certificates.trust(client))

    assert len(service.deadlines) == 1


def test_client_certificates_can_be_verified_if_given(certificates: Certificates) -> None:
    """VerifyClientCertIfGiven lets those without one in, and refuses a false one."""
    certificates.configure("client_auth_type: VerifyClientCertIfGiven, client_ca_file: clients.pem")
    with served(FakeService(), Security(certificates.config)) as port:
        assert status(port, certificates.trust()) == 200
        assert status(port, certificates.trust(certificates.clients.issue_cert("a.example"))) == 200
        with pytest.raises(httpx.TransportError):
            status(port, certificates.trust(trustme.CA().issue_cert("a.example")))


@pytest.mark.parametrize("name", ["prometheus.example", "10.1.2.3", "ops@example.org"])
def test_only_allowed_names(certificates: Certificates, name: str) -> None:
    """client_allowed_sans admits by DNS name, IP address or e-mail; others are cut off, counted, and never served."""
    certificates.require(f"client_allowed_sans: [{name}]")
    service = FakeService()
    with served(service, Security(certificates.config)) as port:
        assert status(port, certificates.trust(certificates.clients.issue_cert(name))) == 200
        with pytest.raises(httpx.TransportError):
            status(port, certificates.trust(certificates.clients.issue_cert("other.example", "other@example.org")))

    assert service.rejected == ["wrong_certificate"]
    assert len(service.deadlines) == 1


def test_rules_for_clients_follow_the_file(certificates: Certificates) -> None:
    """Who needs a certificate, and whose authority counts, changes with the file and from one handshake on."""
    client = certificates.trust(certificates.clients.issue_cert("prometheus.example"))
    with served(FakeService(), Security(certificates.config)) as port:
        assert status(port, certificates.trust()) == 200

        certificates.require()
        with pytest.raises(httpx.TransportError):
            status(port, certificates.trust())
        assert status(port, client) == 200

        trustme.CA().cert_pem.write_to_path(certificates.folder / "clients.pem")
        with pytest.raises(httpx.TransportError):
            status(port, client)


def test_turning_tls_off_needs_a_restart(certificates: Certificates) -> None:
    """A file that loses its certificate must not turn passwords into plain text on the next connection."""
    security = Security(certificates.config)
    with served(FakeService(), security) as port:
        replace_file(certificates.config, "")

        assert status(port, certificates.trust()) == 200

    assert "no longer has tls_server_config (write it again" in (security.problem or "")


@pytest.mark.parametrize(
    ("settings", "minimum", "maximum"),
    [("min_version: TLS13", None, ssl.TLSVersion.TLSv1_2), ("max_version: TLS12", ssl.TLSVersion.TLSv1_3, None)],
)
def test_versions(
    certificates: Certificates, settings: str, minimum: ssl.TLSVersion | None, maximum: ssl.TLSVersion | None
) -> None:
    """A client that speaks only what the file excludes is refused; others are served."""
    certificates.configure(settings)
    context = certificates.trust()
    context.minimum_version = minimum or context.minimum_version
    context.maximum_version = maximum or context.maximum_version
    with served(FakeService(), Security(certificates.config)) as port:
        assert status(port, certificates.trust()) == 200
        with pytest.raises(httpx.ConnectError):
            status(port, context)


def test_suites_and_curve(certificates: Certificates) -> None:
    """Suites go by Go's names and hold for TLS 1.2; one curve can be chosen."""
    certificates.configure(
        "max_version: TLS12, cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, "
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384], curve_preferences: [CurveP384], prefer_server_cipher_suites: false"
    )
    context = Security(certificates.config).context()
    assert context is not None
    weak = certificates.trust()
    weak.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256")
    with served(FakeService(), Security(certificates.config)) as port:
        assert status(port, certificates.trust()) == 200
        with pytest.raises(httpx.ConnectError):
            status(port, weak)


def test_an_idle_client_blocks_nobody(certificates: Certificates) -> None:
    """One that connects and never begins the handshake holds up no other."""
    with served(FakeService(), Security(certificates.config)) as port, contextlib.ExitStack() as idle:
        for _ in range(5):
            idle.enter_context(socket.create_connection(("127.0.0.1", port), LIMIT))

        assert status(port, certificates.trust()) == 200


def test_stops_although_clients_stay(certificates: Certificates) -> None:
    """Clients that keep their connection, or never finish the handshake, do not hold up the end."""
    with contextlib.ExitStack() as clients, served(FakeService(), Security(certificates.config)) as port:
        assert clients.enter_context(tls_client(port, certificates.trust())).get("/metrics").status_code == 200
        clients.enter_context(socket.create_connection(("127.0.0.1", port), LIMIT))


def test_plain_http_to_a_tls_port_is_no_page(certificates: Certificates) -> None:
    """Nothing is ever answered outside TLS."""
    with served(FakeService(), Security(certificates.config)) as port, pytest.raises(httpx.TransportError):
        httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=LIMIT)


def encrypted_key(certificates: Certificates) -> bytes:
    key = serialization.load_pem_private_key((certificates.folder / "server.key").read_bytes(), None)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret")
    )


def test_a_start_with_unusable_files_is_an_error(certificates: Certificates) -> None:
    """The service does not start open or half open: each unusable file is named with what is wrong."""
    folder = certificates.folder
    key = (folder / "server.key").read_bytes()

    def logged() -> str:
        with pytest.raises(WebError) as caught:
            Security(certificates.config)
        return str(caught.value)

    replace_file(folder / "server.key", trustme.CA().issue_cert("x").private_key_pem.bytes())
    assert "is not the key of cert_file" in logged()
    replace_file(folder / "server.key", encrypted_key(certificates))
    assert "is encrypted (decrypt it" in logged()
    replace_file(folder / "server.key", b"nonsense")
    assert "are not a certificate and its key" in logged()
    (folder / "server.key").unlink()
    assert f"key_file {folder / 'server.key'} cannot be read: No such file" in logged()
    replace_file(folder / "server.key", key)
    replace_file(folder / "clients.pem", b"")
    certificates.require()
    assert f"client_ca_file {folder / 'clients.pem'} holds no certificate" in logged()
    certificates.config.unlink()
    assert "cannot be read: No such file" in logged()


def test_an_unreadable_name_is_an_error(certificates: Certificates) -> None:
    """A name that no file can have is a sentence too."""
    replace_file(certificates.config, 'tls_server_config: {cert_file: "a\\0b", key_file: x}')

    with pytest.raises(WebError, match="no file can have this name"):
        Security(certificates.config)


def ended(connection: socket.socket) -> bool:
    """Waits until the other side ends the connection; False where it does not."""
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False


def test_a_crowd_that_never_shakes_hands_makes_room(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connections that send no ClientHello are few at once: they hold descriptors and memory. Others are served."""
    monkeypatch.setattr(Listener, "handshakes", 3)
    monkeypatch.setattr(Listener, "handshake_seconds", LIMIT)
    with served(FakeService(), Security(certificates.config)) as port, contextlib.ExitStack() as crowd:
        idle = [crowd.enter_context(socket.create_connection(("127.0.0.1", port), LIMIT / 6)) for _ in range(50)]

        assert status(port, certificates.trust()) == 200
        assert all(ended(connection) for connection in idle[:47])


def test_who_never_shakes_hands_is_cut(certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    """After seconds, not after the minute that asyncio waits."""
    monkeypatch.setattr(Listener, "handshake_seconds", 0.2)
    with (
        served(FakeService(), Security(certificates.config)) as port,
        socket.create_connection(("127.0.0.1", port), LIMIT / 6) as idle,
    ):
        assert ended(idle)


@pytest.mark.parametrize(
    ("more", "lost"),
    [
        ("", "client_auth_type: RequireAndVerifyClientCert"),
        ("client_auth_type: VerifyClientCertIfGiven, client_ca_file: clients.pem", "client_auth_type"),
        ("client_auth_type: RequireAndVerifyClientCert, client_ca_file: clients.pem", "client_allowed_sans"),
    ],
)
def test_a_file_with_less_protection_needs_a_restart(certificates: Certificates, more: str, lost: str) -> None:
    """Who needed a certificate, or a certain one, needs it after a reload too; a new server certificate is taken on."""
    certificates.require("client_allowed_sans: [scraper]")
    security = Security(certificates.config)
    with served(FakeService(), security) as port:
        certificates.configure(more)
        scraper = certificates.clients.issue_cert("scraper")
        assert status(port, certificates.trust(scraper)) == 200
        with pytest.raises(httpx.TransportError):
            status(port, certificates.trust(certificates.clients.issue_cert("other")))

    assert "no longer has" in (security.problem or "")
    assert lost in (security.problem or "")
