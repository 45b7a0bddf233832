"""Small cross-encoders whose weights chance chose, always the same, in folders as sentence-transformers saves them."""

from __future__ import annotations

from pathlib import Path


def save_cross_encoder(folder: Path, labels: int = 1) -> Path:
    """Makes a folder of a model that judges pairs of texts by so many numbers each."""
    import torch
    from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
    from tokenizers.models import WordPiece
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = "abcdefghijklmnopqrstuvwxyz0123456789.,?-"
    pieces = [*special, *letters, *(f"##{letter}" for letter in letters)]
    words = Tokenizer(WordPiece({piece: number for number, piece in enumerate(pieces)}, unk_token="[UNK]"))
    words.normalizer = normalizers.BertNormalizer()
    words.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    words.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]",
        mask_token="[MASK]", model_max_length=128,
    )  # fmt: skip
    before = torch.random.get_rng_state()
    torch.manual_seed(5)
    model = BertForSequenceClassification(
        BertConfig(
            vocab_size=len(pieces), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
            max_position_embeddings=128, num_labels=labels, initializer_range=0.5,
        )
    )  # fmt: skip
    torch.random.set_rng_state(before)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
