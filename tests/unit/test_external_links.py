"""External links: what is asked, what is never connected to, and what is said of a page that is gone."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import lancedb
import pyarrow as pa
import pytest

from freshet.tasks.documents.links.external import (
    CheckedLink,
    LinkLimits,
    Pace,
    check_links,
    external_findings,
    links_to_check,
)
from freshet.tasks.documents.links.public_addresses import AddressRefused, read_url, refused_kind
from freshet.tasks.documents.links.public_http import MOST_REDIRECTS, NoReply, PublicHttp, Resolve, resolve
from freshet.tasks.store import schemas
from tests.waiting import PATIENCE

NOW = datetime(2026, 11, 22, tzinfo=UTC)
WEB = frozenset({80, 443})


class Site(ThreadingHTTPServer):
    """A real server on 127.0.0.1 that knows which connections it got."""

    daemon_threads = True

    def __init__(self) -> None:
        self.connections: list[object] = []
        self.requests: list[tuple[str, str, str]] = []
        self.redirects: dict[str, str] = {}
        self.stopped = threading.Event()
        super().__init__(("127.0.0.1", 0), Page)

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def verify_request(self, request: object, client_address: object) -> bool:
        self.connections.append(client_address)
        return True


class Page(BaseHTTPRequestHandler):
    server: Site

    def do_HEAD(self) -> None:
        self.server.requests.append((self.command, self.path, self.headers["Host"]))
        if self.path in self.server.redirects:
            self.send_response(302)
            self.send_header("Location", self.server.redirects[self.path])
        elif self.path == "/no-head" and self.command == "HEAD":
            self.send_response(405)
        elif self.path == "/slow":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
            while not self.server.stopped.wait(0.05):
                self.wfile.write(b"y")
        elif self.path.startswith("/status/"):
            self.send_response(int(self.path.rpartition("/")[2]))
        else:
            self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Every address that this process tries to connect to, whether somebody listens there or not."""
    tried: list[object] = []
    connect = socket.socket.connect

    def recording(self: socket.socket, address: object) -> None:
        tried.append(address)
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", recording)
    return tried


@pytest.fixture
def site() -> Iterator[Site]:
    server = Site()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def names(**known: Sequence[str]) -> Resolve:
    """A resolver that knows these names alone."""

    def lookup(host: str, _: int) -> Sequence[str]:
        if host not in {name.replace("_", ".") for name in known}:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return known[host.replace(".", "_")]

    return lookup


def reaching(site: Site, **known: Sequence[str]) -> PublicHttp:
    """Reaches the site as www.example.org; all else as anybody would."""
    lookup = names(www_example_org=["127.0.0.1"], **known)
    return PublicHttp(timeout=PATIENCE, lookup=lookup, allow=frozenset({("127.0.0.1", site.port)}))


# -- what is never connected to --------------------------------------------------------------------------------------

NOT_PUBLIC = [
    "127.0.0.1", "127.1.2.3", "0.0.0.0", "10.0.0.1", "172.16.5.4", "172.31.255.255", "192.168.1.1", "169.254.169.254",
    "169.254.0.1", "100.64.0.1", "100.100.100.200", "168.63.129.16", "192.0.0.192", "224.0.0.1", "239.1.1.1",
    "240.0.0.1", "255.255.255.255", "198.18.0.1", "192.0.2.1", "203.0.113.9", "192.88.99.1",
    "::1", "::", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1", "2002:7f00:1::", "2002:808:808::1", "2001:0:7f00:1::",
    "2001:db8::1", "3fff::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "100::1",
    "5f00::1", "4000::1", "1234", "",
]  # fmt: skip


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_addresses_that_are_not_public_are_known_as_such(address: str) -> None:
    assert refused_kind(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "172.15.0.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111"]
)
def test_public_addresses_are_not_refused(address: str) -> None:
    assert refused_kind(address) is None


REFUSED_HOSTS = [
    "127.0.0.1", "127.0.0.1.", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001", "127.1",
    "127.0.1", "0", "0.0.0.0", "00000127.0.0.1", "127.0.0.01", "0x7f.1", "１２７.０.０.１", "127。0。0。1", "①②⑦.0.0.1",
    "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
    "[2001:0:7f00:1::]", "[fe80::1%25lo]", "[fd00:ec2::254]", "[::]", "[1]", "169.254.169.254", "10.0.0.1",
    "localhost", "LOCALHOST", "localhost.", "a.localhost", "localhost.localdomain", "ip6-localhost", "intranet",
    "metadata.google.internal", "printer.local", "ｌocalhost", "router.home.arpa", "127.0.0.1%00.example.org",
    "exa mple.org", "example..org", "-a.example.org", "a" * 64 + ".example.org", "1.2.3.4.5", "1.2.3.256", "a.0x7f",
]  # fmt: skip


@pytest.mark.parametrize("host", REFUSED_HOSTS)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_no_connection_is_made_to_a_host_that_is_not_public(
    site: Site, attempts: list[object], host: str, scheme: str
) -> None:
    # The port is allowed, and a name that is asked for would mean the site: refusing must come first.
    asker = PublicHttp(frozenset({site.port}), 3.0, lookup=lambda host, port: ["127.0.0.1"])
    with pytest.raises(AddressRefused):
        asker.ask(f"{scheme}://{host}:{site.port}/", "GET")
    assert site.connections == []
    assert attempts == []


def test_the_systems_own_resolver_does_not_lead_to_this_machine_either(site: Site) -> None:
    own = socket.gethostname()
    for host in ("localhost", own, f"{own}.", "127.1"):
        with pytest.raises((AddressRefused, NoReply)):
            PublicHttp(frozenset({site.port}), 3.0).ask(f"http://{host}:{site.port}/", "GET")
    assert "127.0.0.1" in resolve("localhost", site.port)
    assert site.connections == []


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["::1"], ["::ffff:127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["127.0.0.1", "8.8.8.8"], ["fe80::1%lo"]],
)
def test_a_name_is_refused_if_any_of_its_addresses_is_not_public(
    site: Site, attempts: list[object], addresses: list[str]
) -> None:
    asker = PublicHttp(frozenset({site.port}), 3.0, lookup=names(evil_example_org=addresses))
    with pytest.raises(AddressRefused, match="not public"):
        asker.ask(f"http://evil.example.org:{site.port}/", "GET")
    assert site.connections == []
    assert attempts == []


def test_a_name_is_resolved_once_so_that_it_cannot_come_to_mean_another_address(site: Site) -> None:
    other = Site()
    asked: list[str] = []

    def rebinding(host: str, _: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    asker = PublicHttp(timeout=PATIENCE, lookup=rebinding, allow=frozenset({("127.0.0.1", site.port)}))
    assert asker.ask(f"http://www.example.org:{site.port}/a", "HEAD").status == 200
    assert asked == ["www.example.org"]
    with pytest.raises(AddressRefused):
        asker.ask(f"http://www.example.org:{site.port}/a", "HEAD")
    assert len(site.connections) == 1
    other.server_close()


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "2130706433", "evil.example.org", "[::ffff:7f00:1]"]
)
def test_a_redirect_into_a_private_address_is_refused_without_a_connection(
    site: Site, attempts: list[object], host: str
) -> None:
    private = Site()
    thread = threading.Thread(target=private.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    site.redirects["/out"] = f"http://{host}:{private.port}/secret"
    lookup = names(www_example_org=["127.0.0.1"], evil_example_org=["127.0.0.1"])
    asker = PublicHttp(
        frozenset({private.port}),
        3.0,
        lookup=lookup,
        allow=frozenset({("127.0.0.1", site.port)}),
    )
    with pytest.raises(AddressRefused):
        asker.ask(f"http://www.example.org:{site.port}/out", "GET")
    private.shutdown()
    private.server_close()
    thread.join()
    assert len(site.connections) == 1
    assert private.connections == []
    assert attempts == [("127.0.0.1", site.port)]


@pytest.mark.parametrize(
    "url",
    [
        "ftp://www.example.org/",
        "file:///etc/passwd",
        "gopher://www.example.org/",
        "http://user:secret@www.example.org/",
        "http://www.example.org@127.0.0.1/",
        "http://www.example.org:22/",
        "http://www.example.org:99999/",
        "http://www.example.org\\@127.0.0.1/",
        "http://www.example.org/\r\nHost: x",
        "http:///nothing",
        "http://[::1/",
        "https://www.example.org/" + "a" * 3000,
    ],
)
def test_odd_urls_are_refused_and_the_reason_holds_no_secret(url: str) -> None:
    with pytest.raises(AddressRefused) as refusal:
        read_url(url, WEB)
    assert "secret" not in str(refusal.value)


def test_a_public_url_is_read_as_servers_read_it() -> None:
    place = read_url("HTTPS://Bücher.Example.ORG./a b?ü=1#x".replace(" ", "%20"), WEB)
    assert (place.secure, place.host, place.port) == (True, "xn--bcher-kva.example.org", 443)
    assert place.target == "/a%20b?%C3%BC=1"
    assert read_url("http://8.8.8.8", WEB).target == "/"


# -- what is asked ---------------------------------------------------------------------------------------------------


def test_a_page_is_asked_for_under_its_own_name_at_the_address_that_was_checked(site: Site) -> None:
    reply = reaching(site).ask(f"http://www.example.org:{site.port}/a?b=c#d", "HEAD")
    assert (reply.status, reply.redirects) == (200, 0)
    assert site.requests == [("HEAD", "/a?b=c", f"www.example.org:{site.port}")]


def test_redirects_are_followed_up_to_a_limit(site: Site) -> None:
    base = f"http://www.example.org:{site.port}"
    for step in range(MOST_REDIRECTS):
        site.redirects[f"/{step}"] = f"/{step + 1}"
    assert reaching(site).ask(f"{base}/0", "HEAD").redirects == MOST_REDIRECTS
    site.redirects["/loop"] = "/loop"
    with pytest.raises(NoReply, match="redirects"):
        reaching(site).ask(f"{base}/loop", "HEAD")
    for target in ("ftp://www.example.org/", "http://u:p@www.example.org/", "http://www.example.org:1/"):
        site.redirects["/bad"] = target
        with pytest.raises(AddressRefused):
            reaching(site).ask(f"{base}/bad", "HEAD")


def test_a_server_that_drips_for_ever_is_left_after_the_timeout(site: Site) -> None:
    lookup = names(www_example_org=["127.0.0.1"])
    asker = PublicHttp(timeout=0.4, lookup=lookup, allow=frozenset({("127.0.0.1", site.port)}))
    with pytest.raises(NoReply):
        asker.ask(f"http://www.example.org:{site.port}/slow", "GET")
    assert not site.stopped.is_set()


def test_tls_asks_for_the_name_and_checks_the_certificate() -> None:
    """The server is no TLS server: what matters is that the handshake names the host, and fails closed."""
    seen: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def accept() -> None:
            client, _ = server.accept()
            seen.append(client.recv(2000))
            client.close()

        thread = threading.Thread(target=accept)
        thread.start()
        lookup = names(www_example_org=["127.0.0.1"])
        asker = PublicHttp(timeout=PATIENCE, lookup=lookup, allow=frozenset({("127.0.0.1", port)}))
        with pytest.raises(NoReply):
            asker.ask(f"https://www.example.org:{port}/", "GET")
        thread.join()
    assert b"www.example.org" in seen[0]


# -- what is said of it ----------------------------------------------------------------------------------------------


def check(
    site: Site, *paths: str, known: dict[str, CheckedLink] | None = None, seconds: float = 60.0
) -> list[CheckedLink]:
    urls = [path if "://" in path else f"http://www.example.org:{site.port}{path}" for path in paths]
    return check_links(urls, known or {}, LinkLimits(seconds=seconds), NOW, reaching(site))


@pytest.mark.parametrize(
    ("status", "state"),
    [(200, "good"), (204, "good"), (401, "unknown"), (403, "unknown"), (404, "gone"), (410, "gone"), (500, "unknown")],
)
def test_only_a_plain_no_means_that_a_page_is_gone(site: Site, status: int, state: str) -> None:
    found = check(site, f"/status/{status}")
    assert [(link.state, link.status) for link in found] == [(state, status)]


def test_head_is_tried_before_get(site: Site) -> None:
    assert [link.state for link in check(site, "/fine", "/no-head")] == ["good", "good"]
    assert [(method, path) for method, path, _ in site.requests] == [
        ("HEAD", "/fine"), ("HEAD", "/no-head"), ("GET", "/no-head"),
    ]  # fmt: skip


def test_a_host_that_asks_for_quiet_is_left_alone(site: Site) -> None:
    assert [link.status for link in check(site, "/status/429", "/a", "/b")] == [429]
    assert len(site.requests) == 1


def test_a_name_that_does_not_exist_is_gone_when_it_was_so_twice(site: Site) -> None:
    url = "http://no-such.example.org/"
    first = check(site, url)
    assert [(link.state, link.failures) for link in first] == [("unknown", 1)]
    second = check(site, url, known={url: first[0]})
    assert [(link.state, link.failures) for link in second] == [("gone", 2)]


def test_refused_links_are_recorded_and_not_connected_to(site: Site) -> None:
    found = check(site, f"http://127.0.0.1:{site.port + 1}/", "http://localhost/", "http://10.0.0.1/")
    assert [link.state for link in found] == ["refused"] * 3
    assert site.connections == []


def test_a_check_is_bounded_in_links_and_time(site: Site) -> None:
    rows = pa.table(
        {
            "doc_id": ["a", "b", "gone"],
            "external": [["http://c.example/", "http://a.example/"], ["http://b.example/"], ["http://d.example/"]],
        }
    )
    known = [
        CheckedLink("http://a.example/", "good", 200, None, 0, NOW - timedelta(days=30)),
        CheckedLink("http://b.example/", "good", 200, None, 0, NOW - timedelta(days=1)),
    ]
    tables = lancedb.connect("memory://")
    links, live = tables.create_table("links", rows), pa.array(["a", "b"])
    held = tables.create_table(
        "external", pa.Table.from_pylist([one.as_row() for one in known], schema=schemas.external_links())
    )
    assert links_to_check(links, live, held, LinkLimits(), NOW) == ["http://c.example/", "http://a.example/"]
    assert links_to_check(links, live, held, LinkLimits(most=1), NOW) == ["http://c.example/"]
    assert check(site, "/a", "/b", seconds=0.0) == []
    assert site.connections == []


def test_requests_to_one_host_are_kept_apart_and_hosts_do_not_wait_for_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, waits = 100.0, []

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds
        waits.append(seconds)

    monkeypatch.setattr("time.sleep", sleep)
    pace = Pace(0.05, lambda: now)
    for host in ("a.example", "a.example", "a.example", "b.example"):
        pace(host)
    assert waits == pytest.approx([0, 0.05, 0.05, 0])


def test_documents_are_told_of_pages_that_are_gone_and_of_links_that_were_refused() -> None:
    urls = [
        "https://u:p@a.example/x/y?token=secret#f",
        "http://10.0.0.1/",
        "https://fine.example/",
        "https://odd.example/",
    ]
    rows = pa.table({"doc_id": ["one", "two", "three"], "external": [[urls[0], urls[1]], [urls[2], urls[3]], []]})
    known = [
        CheckedLink(urls[0], "gone", 404, None, 0, NOW),
        CheckedLink(urls[1], "refused", None, "the address is not public (private)", 0, NOW),
        CheckedLink(urls[2], "good", 200, None, 0, NOW),
        CheckedLink(urls[3], "unknown", 503, None, 1, NOW),
    ]
    found = external_findings(rows, known)
    assert set(found) == {"one"}
    assert [(v.code, v.severity) for v in found["one"]] == [
        ("PROV-LINK-EXTERNAL", "warn"), ("PROV-LINK-REFUSED", "note"),
    ]  # fmt: skip
    assert found["one"][0].evidence["targets"] == [{"target": "https://a.example/x/y#f", "status": 404, "reason": None}]
    assert "secret" not in str(found)
    table = pa.Table.from_pylist([link.as_row() for link in known], schema=schemas.external_links())
    assert table.num_rows == 4
