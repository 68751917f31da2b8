"""WordPiece over the merges of byte-pair encoding."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any

from tokir.errors import TokirError
from tokir.tokenizers.huggingface import HuggingFaceKind, HuggingFaceTokenizer
from tokir.tokenizers.normalization import normalized, normalizer
from tokir.tokenizers.protocol import SEPARATOR, UNKNOWN
from tokir.tokenizers.vocabulary import COVERAGE, TooSmall

if TYPE_CHECKING:
    from tokir.config import TokenizerSettings

COUNTED_AT_ONCE = 256  # texts; bounds memory
INSIDE = "##"  # stands before a piece that begins no word
SPARE = 50  # of so many entries, one merge more
LONGEST_WORD = 100  # characters; longer words are unknown


class WordPieceBPE(HuggingFaceKind):
    """WordPiece as most libraries have it: longest match first (Wu et al., 2016), over pieces that BPE merged.

    The original chose pieces by likelihood; its trainer was never published, and the one of HF ``tokenizers`` merges
    the most frequent pair, as BPE does. So does this one, hence its name. Words are cut at white space and around
    punctuation; a word with a character outside of the alphabet is unknown as a whole.
    """

    label = "WordPiece over BPE's merges"
    takes = frozenset({"lowercase", "normalization", "pretokenization"})

    @classmethod
    def train(cls, texts: Iterable[str], settings: TokenizerSettings) -> HuggingFaceTokenizer:
        """TokirError where the vocabulary is smaller than the alphabet, or larger than the texts yield."""
        from tokenizers import Tokenizer as HFTokenizer
        from tokenizers import decoders, models

        texts, size = list(texts), settings.vocabulary_size
        characters, alphabet = _alphabet(normalized(texts, settings))
        single = [*alphabet, *(f"{INSIDE}{character}" for character in alphabet)]
        if (least := 2 + len(single)) > size:
            raise TokirError(
                f"a WordPiece vocabulary of {size:,} is smaller than its alphabet: {len(alphabet):,} characters, each "
                f"at the start of a word and inside; ask for more than {least:,} entries"
            )
        # Merges with a rare character give no entry. How many there are is known when all are done; a few to spare
        # cost less than a second training, and change none of those before.
        asked = size - least + size // SPARE
        while True:
            pieces, made = _merged(texts, settings, asked, characters, set(alphabet))
            entries = list(dict.fromkeys([SEPARATOR, UNKNOWN, *single, *pieces]))[:size]
            if len(entries) == size:
                break
            if made < asked:
                raise TooSmall(settings, len(entries))
            asked += 2 * (size - len(entries))
        vocabulary = {entry: number for number, entry in enumerate(entries)}
        hf = HFTokenizer(models.WordPiece(vocabulary, unk_token=UNKNOWN, max_input_chars_per_word=LONGEST_WORD))
        hf.normalizer, hf.pre_tokenizer = normalizer(settings), _words(settings)
        hf.decoder = decoders.WordPiece(cleanup=False)
        hf.add_special_tokens([SEPARATOR])
        return HuggingFaceTokenizer(hf)


def _merged(
    texts: list[str], settings: TokenizerSettings, merges: int, characters: list[str], known: set[str]
) -> tuple[list[str], int]:
    """Merged pieces of known characters in the order of their merges, and how many merges there were in all."""
    from tokenizers import Tokenizer as HFTokenizer
    from tokenizers import models, trainers

    hf = HFTokenizer(models.BPE(continuing_subword_prefix=INSIDE))
    hf.normalizer, hf.pre_tokenizer = normalizer(settings), _words(settings)
    # The library numbers characters inside of words as it meets them, in the order of a hash map, and numbers decide
    # between pairs that are equally frequent. Named as special tokens, they are numbered first and the same every time.
    single = [*characters, *(f"{INSIDE}{character}" for character in characters)]
    trainer = trainers.BpeTrainer(
        vocab_size=len(single) + merges,
        special_tokens=single,
        continuing_subword_prefix=INSIDE,
        show_progress=False,
    )
    hf.train_from_iterator(texts, trainer)
    by_id = sorted(hf.get_vocab().items(), key=lambda entry: entry[1])[len(single) :]
    merged = [token for token, _ in by_id]
    return [token for token in merged if set(token.removeprefix(INSIDE)) <= known], len(merged)


def _words(settings: TokenizerSettings) -> Any:
    """A word is what stands between white space and punctuation, or as the settings ask."""
    from tokenizers import pre_tokenizers

    punctuation = [] if settings.pretokenization == "whitespace" else [pre_tokenizers.Punctuation()]
    digits = [pre_tokenizers.Digits(individual_digits=True)] if settings.pretokenization == "digits" else []
    return pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), *punctuation, *digits])


def _alphabet(texts: Iterable[str]) -> tuple[list[str], list[str]]:
    """All characters; and the most frequent ones that together cover a text, white space apart. Both sorted."""
    import numpy as np

    occurrences = np.zeros(sys.maxunicode + 1, dtype=np.int64)
    left = iter(texts)
    while some := list(islice(left, COUNTED_AT_ONCE)):
        found = np.bincount(np.frombuffer("".join(some).encode("utf-32-le"), dtype=np.uint32))
        occurrences[: len(found)] += found
    counts = {chr(point): int(occurrences[point]) for point in np.flatnonzero(occurrences)}
    inked = {character: count for character, count in counts.items() if not character.isspace()}
    wanted, covered, kept = COVERAGE * sum(inked.values()), 0, []
    for character, count in sorted(inked.items(), key=lambda entry: (-entry[1], entry[0])):
        if covered >= wanted:
            break
        kept.append(character)
        covered += count
    return list(counts), sorted(kept)
