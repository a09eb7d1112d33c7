"""The demo does not take an exporter's word for it: it must read the table, and say so on its page."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from riverkeeper.demo import exporter
from riverkeeper.demo.exporter import Address, Exporter
from riverkeeper.demo.program import DemoFailed, Stopped, Told, running


class Pages:
    """What the exporter answers; None for an error."""

    text: str | None = ""


@pytest.fixture
def pages() -> Pages:
    return Pages()


@pytest.fixture
def served(pages: Pages, tmp_path: Path) -> Iterator[Exporter]:
    """An exporter whose process lives, and whose page is set by the test."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if pages.text is not None else 500)
            self.end_headers()
            self.wfile.write((pages.text or "").encode())

        def log_message(self, *_: object) -> None:
            """Quiet."""

    waits = [sys.executable, "-c", "import signal; print('cannot read it', flush=True); signal.pause()"]
    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server, running("exporter", waits, tmp_path) as program:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        told = Told()
        while "cannot read it" not in program.last_words():
            told.wait(0.01)
        yield Exporter(program, Address("127.0.0.1", server.server_port))
        server.shutdown()


def test_up_is_up(served: Exporter, pages: Pages) -> None:
    """river_up 1 is what we wait for."""
    pages.text = "river_up 1\n"
    served.wait_until_up(Told())
    assert served.page().total("river_up") == 1


def test_never_up_fails_with_the_log(served: Exporter, pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exporter that answers but cannot read the table is a failure, reported with the end of its log."""
    monkeypatch.setattr(exporter, "READY_SECONDS", 0.5)
    pages.text = "river_up 0\n"
    with pytest.raises(DemoFailed, match=r"(?s)river_up never became 1.*cannot read it"):
        served.wait_until_up(Told())


@pytest.mark.parametrize(("text", "said"), [(None, "does not answer"), ("<html>503</html>", "is no metrics page")])
def test_no_page_fails(served: Exporter, pages: Pages, text: str | None, said: str) -> None:
    """An error, or something else than metrics, is not taken for an empty page."""
    pages.text = text
    with pytest.raises(DemoFailed, match=said):
        served.page()


def test_waiting_can_be_ended(served: Exporter, pages: Pages) -> None:
    """Ctrl-C while we wait for the exporter is heeded."""
    pages.text = "river_up 0\n"
    told = Told()
    told(signal.SIGINT, None)
    with pytest.raises(Stopped):
        served.wait_until_up(told)
