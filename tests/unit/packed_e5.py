"""A file of 4-bit weights like that of the package, but small, with weights that chance chose."""

from __future__ import annotations

import struct

import numpy as np

HIDDEN, LAYERS, HEADS, WIDE, POSITIONS = 32, 2, 4, 64, 64
PIECES = ["<s>", "<pad>", "</s>", "<unk>", "▁", *"abcdefghijklmnopqrstuvwxyzäöüж語", "▁query", "▁passage", ":", "▁über",
          "▁land", "<mask>"]  # fmt: skip


def packed_e5() -> bytes:
    """The bytes of the file."""
    chance = np.random.default_rng(7)
    words = len(PIECES) + 3
    text = [piece.encode() for piece in PIECES]
    ends = np.cumsum([0, *map(len, text)]).astype("<u4")
    scores = np.array([0, 0, 0, 0, *np.linspace(-3, -12, len(PIECES) - 5), 0], "<f4")
    normal = struct.pack("<IBI", 0x09, 1, 0x20)
    front = struct.pack("<4sI7ifi", b"E5S1", 1, HIDDEN, LAYERS, HEADS, WIDE, words, POSITIONS, 2, 1e-12, 32)
    front += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, len(b"".join(text)))
    front += ends.tobytes() + scores.tobytes() + b"".join(text) + struct.pack("<iI", 1, len(normal)) + normal
    shapes: dict[str, tuple[int, ...]] = {
        "emb.word": (words, HIDDEN), "emb.pos": (POSITIONS, HIDDEN), "emb.type": (2, HIDDEN),
        "emb.ln.w": (HIDDEN,), "emb.ln.b": (HIDDEN,),
    }  # fmt: skip
    for layer in range(LAYERS):
        for part, shape in {
            "q": (HIDDEN, HIDDEN), "k": (HIDDEN, HIDDEN), "v": (HIDDEN, HIDDEN), "ao": (HIDDEN, HIDDEN),
            "aln": (HIDDEN,), "fi": (WIDE, HIDDEN), "fo": (HIDDEN, WIDE), "oln": (HIDDEN,),
        }.items():  # fmt: skip
            shapes[f"l{layer}.{part}.w"] = shape
            shapes[f"l{layer}.{part}.b"] = shape[:1]
    listed, parts = b"", []
    directory = sum(2 + len(name) + 21 for name in shapes)
    start = len(front) + 4 + directory
    for name, shape in shapes.items():
        is_packed = len(shape) == 2 and name.split(".")[-1] in {"word", "w"}
        size = int(np.prod(shape))
        if is_packed:
            blocks = np.zeros(size // 32, np.dtype([("scale", "<f2"), ("pairs", "u1", 16)]))
            blocks["scale"] = chance.uniform(0.01, 0.05, len(blocks))
            blocks["pairs"] = chance.integers(0, 256, blocks["pairs"].shape)
            part = blocks.tobytes()
        else:
            part = chance.normal(1 if "ln.w" in name else 0, 0.05, size).astype("<f4").tobytes()
        listed += struct.pack("<H", len(name)) + name.encode()
        listed += struct.pack("<BIQQ", is_packed, size, start, len(part))
        start += len(part)
        parts.append(part)
    return front + struct.pack("<i", len(shapes)) + listed + b"".join(parts)
