"""Tables of a PDF are read row by row, and columns of prose one after the other."""

from __future__ import annotations

from pathlib import Path

import pytest

from freshet.tasks.documents.elements import ParsedDocument
from freshet.tasks.documents.parse.pdf.pages import parse_pdf
from tests.unit.pdf_files import write_pages

COLUMNS = (72, 200, 330, 460)
FEES = (
    ("Meter", "Connection", "Yearly fee", "Deposit"),
    ("15 mm", "new", "120.00", "50.00"),
    ("20 mm", "new", "180.50", "75.00"),
    ("40 mm", "", "1,420.00", "300.00"),
)
AS_ROWS = [" | ".join(row) for row in FEES]


def put(words: str, x: float, y: float) -> str:
    return f"BT /F1 10 Tf 1 0 0 1 {x} {y} Tm ({words}) Tj ET "


def rows(table: tuple[tuple[str, ...], ...], top: int = 700, pitch: int = 16) -> str:
    return "".join(
        put(cell, x, top - pitch * at)
        for at, row in enumerate(table)
        for x, cell in zip(COLUMNS, row, strict=False)
        if cell
    )


def grid(xs: list[int], ys: list[int]) -> str:
    lying = "".join(f"{xs[0]} {y} m {xs[-1]} {y} l S " for y in ys)
    return lying + "".join(f"{x} {ys[0]} m {x} {ys[-1]} l S " for x in xs)


def read(folder: Path, content: str, page: bytes = b"") -> ParsedDocument:
    return parse_pdf(write_pages(folder / "a.pdf", [content.encode()], page=page), lambda: None)


def tables(document: ParsedDocument) -> list[list[str]]:
    return [
        document.text[element.start : element.end].split("\n")
        for element in document.elements
        if element.kind == "Table"
    ]


PROSE = put("The fees are as the council has set them for this year and the next.", 72, 760)
AFTER = put("Whoever pays late pays a twentieth more, from the day on which the bill was due.", 72, 560)


def test_cells_that_stand_below_each_other_are_rows(tmp_path: Path) -> None:
    document = read(tmp_path, PROSE + rows(FEES) + AFTER)
    assert tables(document) == [AS_ROWS]
    assert [element.kind for element in document.elements] == ["NarrativeText", "Table", "NarrativeText"]
    table = document.elements[1]
    assert table.page == 1
    assert table.box is not None
    assert (table.box[0], table.box[2] > 460) == (72.0, True)


def test_a_row_that_one_operator_shows_is_parted_by_its_moves(tmp_path: Path) -> None:
    shown = [("Meter", "Fee", "Deposit"), ("15 mm", "120.00", "50.00"), ("20 mm", "180.50", "75.00")]
    content = ""
    for at, row in enumerate(shown):
        parts = "".join(f"({cell})-{9000 - 556 * len(cell)}" for cell in row)
        content += f"BT /F1 10 Tf 1 0 0 1 72 {700 - 16 * at} Tm [{parts}] TJ ET "
    assert tables(read(tmp_path, content)) == [[" | ".join(row) for row in shown]]


def test_figures_that_are_aligned_on_the_right_are_rows(tmp_path: Path) -> None:
    content = ""
    for at, (name, *figures) in enumerate(
        (("Sales", "7", "1,204"), ("Cost of sales", "1,310", "9"), ("Tax", "(12)", "3"))
    ):
        content += put(name, 72, 700 - 16 * at)
        content += "".join(
            put(one, x - 5 * len(one), 700 - 16 * at) for x, one in zip((300, 400), figures, strict=True)
        )
    assert tables(read(tmp_path, content)) == [["Sales | 7 | 1,204", "Cost of sales | 1,310 | 9", "Tax | (12) | 3"]]


def test_a_sign_that_stands_apart_is_in_the_cell_of_its_figure(tmp_path: Path) -> None:
    content = ""
    for at, (name, sales, share) in enumerate((("North", "120", "12"), ("South", "950", "85"), ("West", "33", "3"))):
        y = 700 - 16 * at
        content += put(name, 72, y) + (put("$", 240, y) if at == 0 else "") + put(sales, 280, y)
        content += put(share, 400, y) + (put("%", 440, y) if at == 0 else "")
    assert tables(read(tmp_path, content)) == [["North | $ 120 | 12 %", "South | 950 | 85", "West | 33 | 3"]]


WRAPPED = [
    *[("S-11", 72, 680), ("Level above 2.60 m", 150, 680), ("Check that pumps one to three run;", 300, 680)],
    *[("start pump four by hand", 300, 668), ("10 minutes", 500, 680)],
    *[("S-12", 72, 648), ("No contact with the", 150, 648), ("control room", 150, 636)],
    *[("Staff the station", 300, 648), ("at once", 500, 648)],
    *[("S-13", 72, 616), ("Gas", 150, 616), ("Keep out", 300, 616), ("1 hour", 500, 616)],
]
WRAPPED_ROWS = [
    "S-11 | Level above 2.60 m | Check that pumps one to three run; start pump four by hand | 10 minutes",
    "S-12 | No contact with the control room | Staff the station | at once",
    "S-13 | Gas | Keep out | 1 hour",
]


@pytest.mark.parametrize("ruled", ["", grid([65, 145, 295, 495, 560], [695, 660, 628, 600])])
def test_cells_of_several_lines_are_kept_together(tmp_path: Path, ruled: str) -> None:
    document = read(tmp_path, ruled + "".join(put(*one) for one in WRAPPED))
    assert tables(document) == [WRAPPED_ROWS]


def test_a_ruled_table_that_is_drawn_column_by_column_is_read_row_by_row(tmp_path: Path) -> None:
    by_column = sorted(WRAPPED, key=lambda one: (one[1], -one[2]))
    ruled = grid([65, 145, 295, 495, 560], [695, 660, 628, 600])
    document = read(tmp_path, ruled + "".join(put(*one) for one in by_column))
    assert tables(document) == [WRAPPED_ROWS]


def test_a_cell_over_several_rows_stands_in_the_first(tmp_path: Path) -> None:
    lines = "65 700 m 400 700 l S 150 680 m 400 680 l S 65 660 m 400 660 l S 65 640 m 400 640 l S "
    lines += "".join(f"{x} 700 m {x} 640 l S " for x in (65, 150, 280, 400))
    words = (
        put("North", 72, 676) + put("pump", 160, 686) + put("3", 300, 686) + put("valve", 160, 666) + put("7", 300, 666)
    )
    document = read(tmp_path, lines + words + put("South", 72, 646) + put("pump", 160, 646) + put("2", 300, 646))
    assert tables(document) == [["North | pump | 3", " | valve | 7", "South | pump | 2"]]


def test_rectangles_that_are_thin_are_lines(tmp_path: Path) -> None:
    lines = "".join(f"65 {y} 335 0.5 re f " for y in (700, 680, 660))
    lines += "".join(f"{x} 660 0.5 40 re f " for x in (65, 150, 400))
    words = put("Chlorine", 72, 686) + put("0.4 mg per litre", 160, 686) + put("Lead", 72, 666) + put("none", 160, 666)
    assert tables(read(tmp_path, lines + words)) == [["Chlorine | 0.4 mg per litre", "Lead | none"]]


def test_a_table_on_a_page_that_is_turned_is_read(tmp_path: Path) -> None:
    turned = "0 1 -1 0 600 0 cm " + rows(FEES, top=500) + grid([65, 195, 325, 455, 560], [515, 495, 480, 462, 440])
    assert tables(read(tmp_path, turned, b"/Rotate 90")) == [AS_ROWS]


def test_a_table_that_lies_on_its_side_is_read(tmp_path: Path) -> None:
    document = read(tmp_path, "q 0 1 -1 0 600 0 cm " + rows(FEES, top=500) + "Q")
    assert tables(document) == [AS_ROWS]
    (box,) = [element.box for element in document.elements]
    assert box is not None
    assert box[3] - box[1] > box[2] - box[0]


WORDS = "the water that comes from the hills is stored in two basins above the town and".split()  # noqa: SIM905


def column(x: int, first: str, count: int = 12) -> list[tuple[str, int, int]]:
    lines = [" ".join(WORDS[at % 5 : at % 5 + 9]) for at in range(count)]
    return [(f"{first if at == 0 else ''} {line}".strip(), x, 700 - 12 * at) for at, line in enumerate(lines)]


LEFT, RIGHT = column(60, "Alpha"), column(330, "Omega")


@pytest.mark.parametrize(
    "drawn",
    [LEFT + RIGHT, [one for pair in zip(LEFT, RIGHT, strict=True) for one in pair]],
    ids=["column by column", "line by line"],
)
def test_two_columns_of_prose_are_read_one_after_the_other(tmp_path: Path, drawn: list[tuple[str, int, int]]) -> None:
    document = read(tmp_path, "".join(put(*one) for one in drawn))
    assert tables(document) == []
    assert " ".join(document.text.split()) == " ".join(line for line, _, _ in LEFT + RIGHT)


def test_columns_of_prose_in_frames_are_no_table(tmp_path: Path) -> None:
    frames = grid([50, 320, 590], [720, 540, 500])
    document = read(tmp_path, frames + "".join(put(*one) for one in column(60, "Alpha", 13) + column(330, "Omega", 13)))
    assert tables(document) == []


@pytest.mark.parametrize("mark", [r"\225", "1.", r"\(a\)", "1"])
def test_a_list_whose_marks_stand_apart_is_no_table(tmp_path: Path, mark: str) -> None:
    items = ("Close the suction gate", "Open the drain", "Wait until the gauge shows zero", "Hang the padlock")
    content = "".join(put(mark, 72, 700 - 16 * at) + put(one, 100, 700 - 16 * at) for at, one in enumerate(items))
    document = read(tmp_path, content)
    assert tables(document) == []
    assert "Wait until the gauge shows zero" in document.text


def test_a_head_that_is_drawn_cell_by_cell_belongs_to_the_table(tmp_path: Path) -> None:
    head = [
        ("Method", 72, 677),
        ("Accuracy", 200, 689),
        ("in %", 200, 677),
        ("Training", 330, 689),
        ("hours", 330, 677),
    ]
    body = [("Baseline", 72, 658), ("71.3", 200, 658), ("2", 330, 658)]
    body += [("Our method, which is slow", 72, 644), ("84.5", 200, 644), ("11", 330, 644)]
    body += [("Both of them together", 72, 630), ("86.0", 200, 630), ("45", 330, 630)]
    title = put("Table 2", 200, 706)
    document = read(tmp_path, title + "".join(put(*one) for one in head + body))
    assert document.text.startswith("Table 2")
    assert tables(document)[0][-3:] == [
        "Baseline | 71.3 | 2",
        "Our method, which is slow | 84.5 | 11",
        "Both of them together | 86.0 | 45",
    ]
    assert tables(document)[0][:-3] == ["| Accuracy | Training", "Method | in % | hours"]


def test_a_heading_and_a_paragraph_below_a_table_stay_outside(tmp_path: Path) -> None:
    document = read(tmp_path, rows(FEES) + put("Exceptions", 72, 628) + AFTER)
    assert tables(document) == [AS_ROWS]
    assert "Exceptions" in document.text.split("\n\n")[1]


def test_text_that_stretches_over_a_ruled_table_is_kept_outside_of_it(tmp_path: Path) -> None:
    lines = grid([65, 195, 325, 455, 560], [715, 695, 680, 662, 645]) + "65 645 m 65 620 l 560 620 l 560 645 l S "
    note = "Fees are due on the first of March; deposits are paid back when the meter is returned."
    document = read(tmp_path, lines + rows(FEES) + put(note, 72, 630))
    assert tables(document) == [AS_ROWS]
    assert document.text.endswith(note)


def test_no_word_of_a_table_is_lost(tmp_path: Path) -> None:
    content = PROSE + "".join(put(*one) for one in WRAPPED) + AFTER
    document = read(tmp_path, grid([65, 145, 295, 495, 560], [695, 660, 628, 600]) + content)
    wanted = [word for part in content.split("(")[1:] for word in part.split(") Tj")[0].split()]
    assert sorted(document.text.replace(" | ", " ").split()) == sorted(wanted)
