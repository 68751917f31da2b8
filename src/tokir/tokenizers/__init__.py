"""Tokenizers: trained on the corpus, saved as one ``tokenizer.json``, measured on their own."""

from tokir.tokenizers.bpe import Tokenizer, train_bpe
from tokir.tokenizers.intrinsic import intrinsic_measures

__all__ = ["Tokenizer", "intrinsic_measures", "train_bpe"]
