"""What rows hold and teach: every rule finds what it is for, and leaves alone what only looks like it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from freshet.tasks.datasets.checks import check_batch
from freshet.tasks.datasets.checks.length import TokenCounter, token_counter
from tests.unit.dataset_rows import dataset, staged


@pytest.fixture(scope="module")
def counter() -> TokenCounter:
    return token_counter(dataset("language_modeling").checks.tokens, Path())


PROSE = "The tides come from the pull of the moon. The sun has a smaller part in it. "


def codes(counter: TokenCounter, format: Any, content: dict[str, Any], **settings: Any) -> list[str]:
    passage = settings.pop("passage", None)
    return [
        found.code for _, found in check_batch(staged(format, [content], passage), dataset(format, **settings), counter)
    ]


def answered(counter: TokenCounter, prompt: str, answer: str, **settings: Any) -> list[str]:
    return codes(counter, "prompt_completion", {"prompt": prompt, "completion": answer}, **settings)


def chat(*turns: str, system: str = "") -> dict[str, Any]:
    messages = [{"role": ("user", "assistant")[i % 2], "content": one} for i, one in enumerate(turns)]
    return {"messages": [{"role": "system", "content": system}, *messages] if system else messages}


def test_a_sound_row_of_every_format_has_no_verdict(counter: TokenCounter) -> None:
    assert codes(counter, "language_modeling", {"text": "Tides come and go"}) == []
    assert answered(counter, "What makes tides?", "The moon.") == []
    assert codes(counter, "conversational", chat("Hello", "Hello!", "What makes tides?", "The moon.")) == []
    pair = {"prompt": "What makes tides?", "chosen": "The moon.", "rejected": "The wind."}
    assert codes(counter, "preference", pair) == []
    assert (
        codes(counter, "unpaired_preference", {"prompt": "What makes tides?", "completion": "?!", "label": False}) == []
    )


@pytest.mark.parametrize(
    ("format", "content", "expected"),
    [
        ("language_modeling", {"text": " \n"}, [{"part": "text"}]),
        ("prompt_completion", {"prompt": "", "completion": "Yes."}, [{"part": "prompt"}]),
        ("prompt_completion", {"prompt": "Is it?", "completion": "\t"}, [{"part": "completion"}]),
        ("preference", {"prompt": "a", "chosen": "b", "rejected": ""}, [{"part": "rejected"}]),
        ("conversational", chat("Hello", ""), [{"part": "answer"}]),
        ("conversational", chat("Hello"), [{"part": "answer"}]),
        ("conversational", chat("", "Hello!", "Who?", "Me."), [{"part": "turn", "turn": 1}]),
        ("conversational", chat("Hi", " ", "Who?", "Me.", system="Be kind."), [{"part": "turn", "turn": 3}]),
    ],
)
def test_empty_parts_are_named(
    counter: TokenCounter, format: Any, content: dict[str, Any], expected: list[Any]
) -> None:
    found = [one for _, one in check_batch(staged(format, [content]), dataset(format), counter)]
    assert [one.evidence for one in found if one.code == "ROW-EMPTY"] == expected


def test_a_call_of_a_function_is_no_empty_turn_and_a_tool_may_say_nothing(counter: TokenCounter) -> None:
    call = {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": {"name": "now"}}]}
    turns = [{"role": "user", "content": "When?"}, call, {"role": "tool", "content": ""}]
    assert codes(counter, "conversational", {"messages": [*turns, {"role": "assistant", "content": "Now."}]}) == []


@pytest.mark.parametrize("text", ["<noinput>", " <NoInput>\n", "<none>"])
def test_placeholders_are_found_in_any_part(counter: TokenCounter, text: str) -> None:
    assert answered(counter, text, "Yes.") == ["ROW-PLACEHOLDER"]
    assert answered(counter, "Is it?", text) == ["ROW-PLACEHOLDER"]
    assert codes(counter, "conversational", chat(text, "Yes.", system="Be kind.")) == ["ROW-PLACEHOLDER"]
    assert codes(counter, "preference", {"prompt": "a", "chosen": "b", "rejected": text}) == ["ROW-PLACEHOLDER"]


@pytest.mark.parametrize("text", ["None", "n/a", "N/A", "todo", "Write <noinput> where there is none.", "-"])
def test_what_may_be_the_right_answer_is_no_placeholder(counter: TokenCounter, text: str) -> None:
    assert answered(counter, "Which planet has two suns?", text) == []


def test_placeholders_are_those_of_the_settings(counter: TokenCounter) -> None:
    assert answered(counter, "Is it?", "tbd", checks={"placeholders": ["TBD"]}) == ["ROW-PLACEHOLDER"]
    assert answered(counter, "Is it?", "<none>", checks={"placeholders": []}) == []


@pytest.mark.parametrize(
    ("prompt", "kind"),
    [
        ("https://example.org/a?b=c", "link"),
        ("www.example.org/page\nhttps://example.org", "link"),
        ("![](photo.png)", "image or file"),
        ("<image>", "image or file"),
        ("[Image: a cat]", "image or file"),
        ("photo_12.jpg", "image or file"),
        ("See attached image.", "image or file"),
        ("Summarize the following article.\n\nhttps://example.org/news/1", "link"),
        ("Describe the picture:\n<image>", "image or file"),
    ],
)
def test_prompts_about_what_no_model_can_see_are_impossible(counter: TokenCounter, prompt: str, kind: str) -> None:
    found = list(check_batch(staged("prompt_completion", [{"prompt": prompt, "completion": "A cat."}]),
                             dataset("prompt_completion"), counter))  # fmt: skip
    assert [(one.code, one.evidence) for _, one in found] == [("ANSWER-IMPOSSIBLE", {"kind": kind})]


@pytest.mark.parametrize(
    "prompt",
    [
        "Extract the domain from the URL in this text.\n\nhttps://example.org/a",
        "Classify this website as news or shop.\nhttps://example.org",
        "Is https://example.org/a a valid link?",
        "Summarize the article.\n\nTides come from the moon. Source: https://example.org",
        "Write a story about an image.",
        "Describe the image of the moon in poems\n\nIt is silver.",
        "What does <image> mean in HTML?",
        "Which program opens notes.pdf?",
    ],
)
def test_prompts_that_name_a_link_or_picture_can_be_answered(counter: TokenCounter, prompt: str) -> None:
    assert answered(counter, prompt, "It is so.") == []


@pytest.mark.parametrize(
    "answer",
    [
        "The moon.\nHuman: And the sun?\nAssistant: Less.",
        "The moon.\n\nUser: Thanks!",
        "The moon.<|im_end|>\n<|im_start|>user",
        "The moon.\n\n### Instruction:\nName the planets.",
        "The moon.\n14. Instruction: Name the planets.",
    ],
)
def test_answers_with_more_turns_or_instructions_are_merged(counter: TokenCounter, answer: str) -> None:
    assert answered(counter, "What makes tides?", answer) == ["ANSWER-MERGED"]


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        ("Write a dialogue.", "At noon.\nUser: Hello!\nAssistant: Hello!"),
        ("How do two people greet?", "Human: Hello!\nDog: Woof!"),
        ("How is a login laid out?", "```yaml\nUser: ada\n```\nThat is all."),
        ("How does a computer work?", "It has steps.\n1. Input: it reads.\n2. Output: it writes."),
        ("Who uses it?", "The human: a creature of habit.\nIt is used by a user: Ada."),
    ],
)
def test_dialogues_lists_and_code_are_not_merged(counter: TokenCounter, prompt: str, answer: str) -> None:
    assert answered(counter, prompt, answer) == []


def test_a_prompt_of_several_numbered_instructions_is_merged(counter: TokenCounter) -> None:
    several = "\n".join(f"{n}. Instruction: Name a {what}.\n{n}. Output: One." for n, what in enumerate("abc", 1))
    assert answered(counter, several, "Three.") == ["ANSWER-MERGED"]
    assert answered(counter, "### Instruction:\nName a planet.\n### Response:\n", "Mars.") == []


@pytest.mark.parametrize(
    ("answer", "sign"),
    [
        ("Here it is:\n```python\nprint(1)\n", "open code block"),
        ('{"planets": [{"name": "Mars"}, {"na', "open JSON"),
        ('[{"name": "Mars"},', "open JSON"),
        ("There are two:\n1. Mars\n2.", "empty list item"),
        ("You can reach the right result by following these steps:", "announces what does not follow"),
        (PROSE + "Together they make the waters of the", "ends within a sentence"),
        (PROSE + "Its pull is felt as a reminder of", "ends within a sentence"),
        (PROSE + "Together they make the waters of all seas rise,", "ends within a sentence"),
        (PROSE + "If both of them pull it may need to be re", "last sentence has no end"),
    ],
)
def test_answers_that_break_off_are_truncated(counter: TokenCounter, answer: str, sign: str) -> None:
    found = list(check_batch(staged("prompt_completion", [{"prompt": "Which?", "completion": answer}]),
                             dataset("prompt_completion"), counter))  # fmt: skip
    assert [(one.code, one.evidence) for _, one in found] == [("ANSWER-TRUNCATED", {"sign": sign})]


@pytest.mark.parametrize(
    "answer",
    [
        "Mars", "card_arrival", "#### 18", "a", "The answer is option a", "3.14",
        "1. Mars\n2. Venus", "- red\n- green\n- blue as the sky over the sea in summer",
        "```python\nprint(1)\n```", "Use ```print(1)``` for that.", "```\nprint(1)```",
        "It closes what it never opened.\n```",
        '{"name": "Mars"}', "{not JSON at all", '["quoted"] is how it starts',
        PROSE + "#moon #sun #tides", PROSE + "- Ada Lovelace", PROSE + "Ada King Lovelace",
        PROSE + "Read on at https://example.org/tides",
        "Dear Ada,\n\n" + PROSE + "\n\nBest regards,\nCharles",
        "SELECT name FROM planets WHERE moons > 2 AND size < 5 ORDER BY name",
        "for planet in planets if planet.moons > 2 and planet.size < 5:",
    ],
)  # fmt: skip
def test_answers_that_need_no_full_stop_are_not_truncated(counter: TokenCounter, answer: str) -> None:
    assert answered(counter, "Which?", answer) == []


@pytest.mark.parametrize(
    "answer",
    [
        "I'm sorry, but I can't assist with that.",
        "I’m sorry, but I cannot help you with this.",
        "As an AI language model, I do not have opinions.",
        "Sorry, but as an AI, I don't have the capability to book flights.",
        "I cannot fulfill this request.",
        "I'm unable to provide you with the current price.",
        "Unfortunately, I am not able to access the internet.",
        '"I apologize, but I cannot create such content."',
    ],
)
def test_refusals_are_found_at_the_beginning(counter: TokenCounter, answer: str) -> None:
    assert answered(counter, "Do it.", answer) == ["ANSWER-REFUSAL"]


@pytest.mark.parametrize(
    "answer",
    [
        "I'm sorry to hear that you can't sleep. Try some tea.",
        "I can't help but admire the moon.",
        "I'm sorry, but I can't make it to the meeting tomorrow.",
        "I cannot access my account.",
        "As an AI researcher, I don't believe in magic.",
        "I am an AI assistant developed by Ada. How can I help?",
        "He said: I'm sorry, but I can't assist with that.",
        "Unfortunately, the shop is closed.",
    ],
)
def test_what_only_sounds_like_a_refusal_is_none(counter: TokenCounter, answer: str) -> None:
    assert answered(counter, "Write it.", answer) == []


def test_answers_known_to_be_bad_are_not_judged(counter: TokenCounter) -> None:
    for answer in ("I'm sorry, but I can't assist with that.", "```\nopen", "So 2+2 is <<2+2=5>>5."):
        bad = {"prompt": "Which?", "completion": answer, "label": False}
        assert codes(counter, "unpaired_preference", bad) == []
        assert len(codes(counter, "unpaired_preference", bad | {"label": True})) == 1
        assert codes(counter, "preference", {"prompt": "Which?", "chosen": "One.", "rejected": answer}) == []


def test_wrong_steps_are_named_in_every_turn_that_is_learnt(counter: TokenCounter) -> None:
    content = chat("Add.", "<<1+1=2>> and <<2+2=5>>", "<<1+1=3>>", "<<2+2=4>>", "More.", "<<9-1=7>>")
    found = [one for _, one in check_batch(staged("conversational", [content]), dataset("conversational"), counter)]
    assert [(one.code, one.evidence) for one in found] == [
        ("ANSWER-ARITHMETIC", {"steps": [2], "wrong": 1, "turn": 2}),
        ("ANSWER-ARITHMETIC", {"steps": [1], "wrong": 1, "turn": 6}),
    ]


PASSAGE = "The virus spreads by droplets. Masks and distance lower the risk of infection in closed rooms."


@pytest.mark.parametrize(
    ("answer", "supported"),
    [
        ("by droplets", True),
        ("Masks and distance", True),
        ("It spreads by droplets in rooms.", True),
        ("Infected rooms", True),  # infection, in another form
        ("Yes.", True),  # nothing to look for
        ("病毒通过飞沫传播", True),  # not judged
        ("Mosquitoes carry malaria between villages.", False),
        ("Masks help against malaria, cholera and typhus.", False),
    ],
)
def test_answers_are_looked_for_in_their_passage(counter: TokenCounter, answer: str, supported: bool) -> None:
    row = {"prompt": f"{PASSAGE}\n\nHow does it spread?", "completion": answer}
    expected = [] if supported else ["ANSWER-UNSUPPORTED"]
    assert codes(counter, "prompt_completion", row, passage=PASSAGE) == expected
    assert codes(counter, "prompt_completion", row) == []  # without a passage, nothing is asked


def test_a_span_of_the_passage_may_end_anywhere(counter: TokenCounter) -> None:
    passage = PROSE + "Together they make the waters of the seas rise, twice a day."
    cut, own = PROSE + "Together they make the waters of the", PROSE + "Together they raise the waters of the"
    row = {"prompt": f"{passage}\n\nWhy?", "completion": cut}
    assert codes(counter, "prompt_completion", row, passage=passage) == []
    assert codes(counter, "prompt_completion", row | {"completion": own}, passage=passage) == ["ANSWER-TRUNCATED"]


def test_the_threshold_of_support_is_a_setting(counter: TokenCounter) -> None:
    row = {"prompt": f"{PASSAGE}\n\nHow?", "completion": "Masks stop malaria."}
    assert codes(counter, "prompt_completion", row, passage=PASSAGE) == ["ANSWER-UNSUPPORTED"]
    tuned = {"ANSWER-UNSUPPORTED": {"threshold": 0.2}}
    assert codes(counter, "prompt_completion", row, passage=PASSAGE, rules=tuned) == []


def test_verdicts_carry_the_number_of_their_row_in_order(counter: TokenCounter) -> None:
    contents = [
        {"prompt": "a", "completion": ""},
        {"prompt": "b", "completion": "c"},
        {"prompt": "", "completion": "d"},
    ]
    table = staged("prompt_completion", contents)
    assert [row for row, _ in check_batch(table, dataset("prompt_completion"), counter)] == [100, 102]


def test_evidence_quotes_no_text(counter: TokenCounter) -> None:
    contents = [{"prompt": "https://secret.example", "completion": "I'm sorry, but I can't assist with secret."}]
    found = list(check_batch(staged("prompt_completion", contents), dataset("prompt_completion"), counter))
    assert len(found) == 2
    assert "secret" not in repr(found)


@pytest.mark.parametrize(
    "text",
    [
        "a.jpg" * 100 + " !?",
        "http://a" * 2000 + " <",
        "w" * 300_000 + "!",
        "\n" * 300_000 + "x",
        "\n  " * 100_000 + "1",
        "```" * 50_000,
        "- \n" * 100_000,
        '{"a": ' * 50_000,
        '{"a": ' + "9" * 50_000,
        "<<" * 100_000,
        "<<" + "(" * 100_000 + "=1>>",
        "I'm sorry " + "so " * 50_000,
        "User" * 50_000 + ":",
        "! " * 100_000 + "and so it goes on",
    ],
)
def test_no_text_hangs(counter: TokenCounter, text: str) -> None:
    row = {"prompt": f"{PASSAGE}\n\n{text}", "completion": text}
    list(check_batch(staged("prompt_completion", [row], PASSAGE), dataset("prompt_completion"), counter))
