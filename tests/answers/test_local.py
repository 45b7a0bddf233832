"""A language model in this process, and the same one behind llama.cpp's own server: the real one."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from freshet.tasks.answers.models import local
from freshet.tasks.answers.models.endpoint import EndpointModel
from freshet.tasks.answers.models.local import LocalModel
from freshet.tasks.answers.models.model import Message
from freshet.tasks.errors import ModelFailed
from freshet.tasks.settings.generation import Endpoint
from tests.waiting import PATIENCE

MESSAGES: list[Message] = [{"role": "user", "content": "Say hello."}]
CONTEXT = 512


@pytest.fixture(scope="module")
def model(model_file: Path) -> LocalModel:
    return LocalModel(model_file, "bundled", CONTEXT, PATIENCE)


def test_an_answer_comes_in_pieces_twice_the_same(model: LocalModel, capfd: pytest.CaptureFixture[str]) -> None:
    first, second = model.generate(MESSAGES, 6), model.generate(MESSAGES, 6)
    pieces = list(first)
    assert len(pieces) > 1
    assert list(second) == pieces
    assert (first.finish, first.usage) == (second.finish, second.usage)
    assert first.finish == "length"
    assert first.usage.completion_tokens == 6
    assert (first.usage.prompt_tokens or 0) > 4
    assert capfd.readouterr() == ("", "")


def test_tokens_are_counted_by_the_models_own_tokenizer(model: LocalModel) -> None:
    assert model.count_tokens("") == 0
    assert model.count_tokens("hello world") == 2
    assert model.count_tokens("Grüße") > 2


def test_a_prompt_that_is_longer_than_the_context_is_told_in_words(model: LocalModel) -> None:
    with pytest.raises(ModelFailed, match=r"bundled gave no answer: request .* exceeds the available context"):
        list(model.generate([{"role": "user", "content": "hello " * 2 * CONTEXT}], 6))


def test_an_answer_can_be_closed_while_the_prompt_is_read_and_the_next_one_comes(model: LocalModel) -> None:
    running = model.generate([{"role": "user", "content": "hello " * 300}], 100)
    reader = threading.Thread(target=lambda: list(running))
    reader.start()
    running.close()
    reader.join(PATIENCE)
    assert not reader.is_alive()
    assert running.finish is None
    assert list(model.generate(MESSAGES, 2)) != []


def test_an_answer_that_takes_too_long_is_none(model_file: Path, model: LocalModel) -> None:
    hurried = LocalModel(model_file, "bundled", CONTEXT, 0.01)
    with pytest.raises(ModelFailed, match=r"the model bundled did not begin an answer within 0\.01 s"):
        list(hurried.generate([{"role": "user", "content": "hello " * 100}], 6))


def test_the_process_ends_while_an_answer_is_on_its_way(model_file: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from freshet.tasks.answers.models.local import LocalModel\n"
        "model = LocalModel(Path(sys.argv[1]), 'bundled', 512, 600)\n"
        "for _ in model.generate([{'role': 'user', 'content': 'Tell a story.'}], 400): break\n"
        "running = model.generate([{'role': 'user', 'content': 'hello ' * 300}], 400)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, model_file], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def _damage(kind: str, whole: Path, path: Path) -> None:
    with whole.open("rb") as file:
        start = file.read(2_000_000)
    if kind == "empty":
        path.touch()
    elif kind == "random":
        path.write_bytes(bytes(range(256)) * 1000)
    elif kind == "random after the magic":
        path.write_bytes(b"GGUF" + bytes(range(255, -1, -1)) * 1000)
    elif kind == "cut off in its head":
        path.write_bytes(start[:100])
    elif kind == "cut off in its words":
        path.write_bytes(start[:5000])
    elif kind == "cut off":
        path.write_bytes(start)
    elif kind == "of an unknown version":
        path.write_bytes(start[:4] + b"\x63\0\0\0" + start[8:])
    else:
        path.mkdir()


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("empty", "is empty"),
        ("random", "is no GGUF file"),
        ("random after the magic", "is damaged"),
        ("cut off in its head", "is damaged"),
        ("cut off in its words", "cannot be loaded: the file is damaged"),
        ("cut off", "cannot be loaded: the file is damaged"),
        ("of an unknown version", "is damaged"),
        ("a folder", "cannot be read: Is a directory"),
    ],
)
def test_a_damaged_file_is_told_in_words(
    kind: str, words: str, model_file: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    _damage(kind, model_file, tmp_path / "a.gguf")
    with pytest.raises(ModelFailed, match=f"the model a.gguf {words}"):
        LocalModel(tmp_path / "a.gguf", "a.gguf", CONTEXT, PATIENCE).generate(MESSAGES, 6)
    assert capfd.readouterr() == ("", "")


def test_a_model_that_does_not_fit_into_the_memory_is_not_loaded(
    model_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "memory_left", lambda: 300_000_000)
    with pytest.raises(ModelFailed, match=r"bundled takes about 0\.4 GB of memory, and 0\.3 GB are left"):
        LocalModel(model_file, "bundled", 1024, PATIENCE).generate(MESSAGES, 6)


def test_a_context_is_never_longer_than_the_model_was_trained_for(model_file: Path) -> None:
    from freshet.tasks.answers.models.gguf import read_head

    head = read_head(model_file, "bundled")
    assert (head.size, head.trained) == (model_file.stat().st_size, 8192)
    assert head.memory(8192) == head.size + 8192 * 30 * 3 * 128 * 2
    assert LocalModel(model_file, "bundled", 1_000_000, PATIENCE)._context == 8192


def test_a_foreign_server_answers_as_the_same_model_does_in_this_process(model: LocalModel, model_file: Path) -> None:
    words = [sys.executable, "-m", "tests.answers.foreign_server", str(model_file), "a-key"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        url = f"{process.stdout.readline().strip()}/v1"
        good = EndpointModel(Endpoint(endpoint=url, name="any", api_key="a-key"), PATIENCE, 0)
        running = good.generate(MESSAGES, 6)
        pieces = list(running)
        wrong = EndpointModel(Endpoint(endpoint=url, name="any", api_key="another"), PATIENCE, 0)
        with pytest.raises(ModelFailed, match=r"lets nobody in with this key \(401\)"):
            list(wrong.generate(MESSAGES, 6))
        with pytest.raises(ModelFailed, match=r"answers 400: request .* exceeds the available context"):
            list(good.generate([{"role": "user", "content": "hello " * 2 * CONTEXT}], 6))
        process.stdin.close()
    own = model.generate(MESSAGES, 6)
    assert "".join(pieces) == "".join(own)
    assert (running.finish, running.usage) == (own.finish, own.usage)
