"""Cures of who may do what: crowds, floods, files that shrink, pages of other sites, rights."""

from __future__ import annotations

from cures.cure import Cure

SERVER, GUARD = "unit/test_web_server.py", "unit/test_web_guard.py"

CURES = (
    Cure(
        "a login that beats locks the table of the processes, and all rescues stop",
        "schema/grants.py",
        '"client": f"SELECT (instance',
        '"client": f"UPDATE, SELECT (instance',
        ("database/test_heartbeat_grants.py::test_what_a_worker_may_not_do",),
        ("Failed",),
    ),
    Cure(
        "a connection that is closing already is chosen to make room, and health is refused",
        "web/http/connection.py",
        "alive = [other for other in others if not other.transport.is_closing()]\n        while len",
        "alive = others[:]\n        if len",
        (f"{SERVER}::test_a_burst_of_idle_connections_is_cut_down_to_the_limit",),
    ),
    Cure(
        "the log grows by a line for each connection that cannot be accepted",
        "web/http/accepting.py",
        "if time.monotonic() - self._logged_at >= LOG_SECONDS:",
        "if True:",
        (f"{SERVER}::test_what_cannot_be_accepted_is_logged_once_a_minute",),
    ),
    Cure(
        "clients that never send a ClientHello hold every descriptor",
        "web/http/accepting.py",
        "while len(self._handshaking) >= self.handshakes:",
        "while len(self._handshaking) >= 1000:",
        ("unit/test_web_tls.py::test_a_crowd_that_never_shakes_hands_makes_room",),
    ),
    Cure(
        "a client that never sends a ClientHello holds a descriptor for a minute",
        "web/http/accepting.py",
        '{"ssl_handshake_timeout": self.handshake_seconds}',
        '{"ssl_handshake_timeout": 60.0}',
        ("unit/test_web_tls.py::test_who_never_shakes_hands_is_cut",),
    ),
    Cure(
        "a web configuration that was emptied lets everybody in",
        "web/web_config/security.py",
        "sorted(protections(self._config) - protections(config))",
        "sorted(protections(config) - protections(config))",
        (f"{GUARD}::test_a_file_that_shrank_opens_nothing",),
    ),
    Cure(
        "a page of another site makes a browser reload the configuration",
        "web/http/guard.py",
        'return own and is_own_origin(headers.get("origin"), headers.get("host"))',
        "return own",
        (f"{GUARD}::test_another_site_s_page_changes_nothing",),
    ),
    Cure(
        "a foreign name that resolves to 127.0.0.1 reads the pages",
        "web/http/guard.py",
        'if not self._hosts.admit(headers.get("host")):',
        'if self._hosts.names == "none":',
        (f"{GUARD}::test_on_loopback_a_request_names_us",),
    ),
    Cure(
        "a flood of wrong passwords keeps everybody out",
        "web/web_config/passwords.py",
        "len(same) >= EACH or len(here) >= ADDRESS or ",
        "",
        ("unit/test_web_passwords.py::test_a_flood_of_guesses_keeps_nobody_else_out",),
        ("TooManyChecks",),
    ),
    Cure(
        "bodies of messages that stall take the room of the metrics",
        "web/webhook/endpoint.py",
        "if self._free <= 0:",
        "if self._free <= -1000:",
        ("unit/test_web_webhook_wire.py::test_bodies_that_stall_hold_up_nobody_else",),
        ("TimeoutError",),
    ),
)
