"""Reports and dataset cards: for owners, in a browser as well, and nothing else of the store with them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from starlette.testclient import TestClient

from freshet.tasks.runs.run import store_of
from freshet.tasks.service.reports.files import read_report
from freshet.tasks.settings.file import load_project
from freshet.tasks.store.tables import Store
from tests.deploy.browser import CHROMIUM, open_browser
from tests.flows.conftest import Project
from tests.service.serving import app_of, as_, listening
from tests.waiting import until


@pytest.fixture(scope="module")
def client(served: Project) -> Iterator[TestClient]:
    with TestClient(app_of(served.config, warm=False), base_url="http://localhost") as opened:
        yield opened


@pytest.fixture(scope="module")
def run(served: Project) -> str:
    """The run of which the store has a report."""
    (folder,) = (Path(store_of(load_project(served.config)).address) / "reports" / "docs").iterdir()
    return folder.name


def test_an_owner_reads_reports_and_nobody_else_learns_whether_there_are_any(client: TestClient, run: str) -> None:
    address = f"/reports/corpora/docs/{run}/index.html"
    listed = client.get("/reports/", headers=as_("owner")).raise_for_status().text
    assert f'href="corpora/docs/{run}/index.html"' in listed
    page = client.get(address, headers=as_("owner")).raise_for_status()
    assert page.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    (rules,) = re.findall(r'href="([^"]+)"', page.text)
    assert client.get(f"{address.removesuffix('index.html')}{rules}", headers=as_("owner")).is_success
    for path in ("/reports/", address, "/reports/corpora/docs/none/index.html", "/reports/x"):
        told = [client.get(path, headers=as_(who)) for who in ("lawyer", "proxy")]
        assert {(one.status_code, one.json()["detail"]) for one in told} == {(403, "reports are for owners")}
        assert client.get(path).status_code == 401


@pytest.mark.parametrize(
    "path",
    [
        "corpora/docs/{run}/../{run}/index.html",
        "corpora/docs/{run}/%2e%2e/{run}/index.html",
        "corpora/docs/{run}//index.html",
        "corpora/docs/{run}/rules",
        "corpora/docs/{run}/secret.txt",
        "corpora/docs/{run}/link.html",
        "corpora/docs/{run}/folder/index.html",
        "corpora/docs/.hidden/index.html",
        "corpora/../server/server.html",
        "datasets/answers/1.0.0/trl/train.jsonl",
        "datasets/answers/../answers/README.md",
        "ledger/releases.lance/_versions/1.manifest",
    ],
)
def test_no_path_leads_out_of_the_reports(served: Project, client: TestClient, run: str, path: str) -> None:
    store = Path(store_of(load_project(served.config)).address)
    folder = store / "reports" / "docs" / run
    outside = store.parent / "outside"
    outside.mkdir(exist_ok=True)
    (outside / "index.html").write_text("secret")
    for link, to in (("link.html", outside / "index.html"), ("folder", outside)):
        if not (folder / link).is_symlink():
            (folder / link).symlink_to(to)
    (folder / "secret.txt").write_text("secret")
    hidden, rows = store / "reports" / "docs" / ".hidden", store / "datasets" / "answers" / "exports" / "1.0.0" / "trl"
    for where, name in ((hidden, "index.html"), (store / "server", "server.html"), (rows, "train.jsonl")):
        where.mkdir(parents=True, exist_ok=True)
        (where / name).write_text("secret")
    assert "secret" not in client.get(f"/reports/{path.format(run=run)}", headers=as_("owner")).text
    assert read_report(Store(str(store)), path.format(run=run)) is None


def _write_card(store: Store, folder: Path | None) -> None:
    from freshet.tasks.store.files import write_file

    address = f"{store.export_folder('answers')}/2.0.0"
    card = (
        "---\nlicense: mit\n---\n\n# answers 2.0.0\n\n<script>alert(1)</script>\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n"
    )
    if folder:
        (folder / "datasets" / "answers" / "exports" / "2.0.0" / "card").mkdir(parents=True, exist_ok=True)
    write_file(f"{address}/README.md", f"{card}![Rows](card/rows.svg)\n".encode())
    write_file(f"{address}/card/rows.svg", b"<svg/>")
    write_file(f"{address}/croissant.json", b"{}")


def test_the_card_of_a_dataset_version_is_a_page_that_needs_nothing_else(served: Project, client: TestClient) -> None:
    store = store_of(load_project(served.config))
    _write_card(store, Path(store.address))
    page = client.get("/reports/datasets/answers/2.0.0/README.md", headers=as_("owner")).raise_for_status()
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "license: mit" not in page.text
    assert "<script>" not in page.text
    assert "<td>1</td>" in page.text
    assert 'src="data:image/svg+xml;base64,PHN2Zy8+"' in page.text
    assert client.get("/reports/datasets/answers/2.0.0/croissant.json", headers=as_("owner")).json() == {}


def test_reports_of_a_store_in_a_bucket_are_read_as_well() -> None:
    store = Store(f"memory://bucket-{uuid4().hex}")
    _write_card(store, None)
    found = read_report(store, "datasets/answers/2.0.0/README.md")
    assert found is not None
    assert b"data:image/svg+xml" in found[1]
    assert read_report(store, "datasets/answers/2.0.0/../2.0.0/README.md") is None
    assert read_report(store, "datasets/answers/3.0.0/README.md") is None


@pytest.mark.skipif(CHROMIUM is None, reason="needs a Chromium: apt-get install chromium")
def test_a_browser_shows_a_report_once_it_has_a_token_and_links_lead_on(
    served: Project, run: str, tmp_path: Path
) -> None:
    with listening(app_of(served.config, warm=False)) as url, open_browser(tmp_path) as page:
        page.open(f"{url}/page/reports#corpora/docs/{run}/index.html")
        page.wait_for("Reports are for owners.")
        page.evaluate("form.elements.token.value = 'lawyer'; form.requestSubmit()")
        until(lambda: page.evaluate("sessionStorage.getItem(KEY)") == "lawyer", "the token is kept in the tab")
        page.wait_for("Reports are for owners.")
        # The frame is closed to this page and to scripts, so what goes into it is kept on its way.
        page.evaluate("(() => { const made = turned; turned = (...given) => window.held = made(...given) })()")
        page.evaluate("form.elements.token.value = 'owner'; form.requestSubmit()")
        until(lambda: page.evaluate("!frame.hidden"), "the report is shown")
        assert page.evaluate("frame.contentDocument") is None
        (link,) = re.findall(r'href="([^"]+)"', page.evaluate("held"))
        assert link == f"{url}/page/reports#corpora/docs/{run}/rules/index.html"
        assert 'target="_top"' in page.evaluate("held")
        page.evaluate(f"location.href = {link!r}")
        until(lambda: "held to its rules" in page.evaluate("held") and page.evaluate("!frame.hidden"), "it leads on")
