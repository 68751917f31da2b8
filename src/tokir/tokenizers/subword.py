"""Tokenizers whose pieces are learned: byte-level BPE, WordPiece over BPE's merges, and Unigram.

Each is trained by a library; what is done here makes the same texts and settings give the same file, byte for byte.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from tokir.errors import TokirError
from tokir.tokenizers.tokenizer import SEPARATOR, UNKNOWN, TrainedTokenizer

if TYPE_CHECKING:
    from tokenizers import Tokenizer as HFTokenizer
    from tokir.config import TokenizerSettings

COVERAGE = 0.9995  # share of a text's characters that the alphabet of WordPiece and Unigram covers
COUNTED_AT_ONCE = 256  # texts; bounds memory
THREADS = 2  # of sentencepiece; its sums of floats depend on their number, so it is not that of the machine
START = "▁"  # stands before a word
INSIDE = "##"  # stands before a piece that begins no word
SPARE = 50  # of so many WordPiece entries, one merge more
LONGEST_WORD = 100  # characters; longer words are unknown to WordPiece


def train_bpe(texts: Iterable[str], settings: TokenizerSettings) -> TrainedTokenizer:
    """Byte-level byte-pair encoding (Sennrich et al., 2016; bytes as in Radford et al., 2019).

    The base alphabet is all 256 bytes, so no text is unknown and every text comes back as it was
    (after the normalisation that was asked for). With ``prefix_space`` the first word of a text is cut as any other,
    with the space that stands before it; else a query's first word and the same word in a passage are different tokens.

    Raises:
        TokirError: the texts do not hold enough distinct pairs for ``vocabulary_size`` entries.
    """
    from tokenizers import Tokenizer as HFTokenizer
    from tokenizers import decoders, models, pre_tokenizers, trainers

    hf = HFTokenizer(models.BPE())
    normalise(hf, settings)
    cut: list[Any] = []
    if settings.pretokenization == "whitespace":
        # A word keeps the white space before it, as in the usual rule, and also the punctuation it touches.
        cut.append(pre_tokenizers.Split(_regex(r"\s?\S+|\s+"), "isolated"))
    elif settings.pretokenization == "digits":
        cut.append(pre_tokenizers.Digits(individual_digits=True))
    usual = settings.pretokenization != "whitespace"
    cut.append(pre_tokenizers.ByteLevel(add_prefix_space=settings.prefix_space, use_regex=usual))
    hf.pre_tokenizer = pre_tokenizers.Sequence(cut) if len(cut) > 1 else cut[0]
    hf.decoder = decoders.ByteLevel()
    # The library collects the alphabet in the order of a hash map; sorted, it is the same every time.
    trainer = trainers.BpeTrainer(
        vocab_size=settings.vocabulary_size,
        special_tokens=[SEPARATOR],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    hf.train_from_iterator(texts, trainer)
    if hf.get_vocab_size() < settings.vocabulary_size:
        raise too_small(settings, hf.get_vocab_size())
    return TrainedTokenizer(hf)


def train_wordpiece(texts: Iterable[str], settings: TokenizerSettings) -> TrainedTokenizer:
    """WordPiece as most libraries have it: longest match first (Wu et al., 2016), over pieces that BPE merged.

    The original chose pieces by likelihood; its trainer was never published, and the one of HF ``tokenizers`` merges
    the most frequent pair, as BPE does. So does this one, hence its name. Words are cut at white space and around
    punctuation; a word with a character outside of the alphabet is unknown as a whole.

    Raises:
        TokirError: the vocabulary is smaller than the alphabet, or larger than the texts yield.
    """
    from tokenizers import Tokenizer as HFTokenizer
    from tokenizers import decoders, models, pre_tokenizers

    texts, size = list(texts), settings.vocabulary_size
    characters, alphabet = _alphabet(_normalised(texts, settings))
    single = [*alphabet, *(f"{INSIDE}{character}" for character in alphabet)]
    if (least := 2 + len(single)) > size:
        raise TokirError(
            f"a WordPiece vocabulary of {size:,} is smaller than its alphabet: {len(alphabet):,} characters, each at "
            f"the start of a word and inside; ask for more than {least:,} entries"
        )
    # Merges with a rare character give no entry. How many there are is known when all are done; a few to spare cost
    # less than a second training, and change none of those before.
    asked = size - least + size // SPARE
    while True:
        pieces, made = _wordpieces(texts, settings, asked, characters, set(alphabet))
        entries = list(dict.fromkeys([SEPARATOR, UNKNOWN, *single, *pieces]))[:size]
        if len(entries) == size:
            break
        if made < asked:
            raise too_small(settings, len(entries))
        asked += 2 * (size - len(entries))
    vocabulary = {entry: number for number, entry in enumerate(entries)}
    hf = HFTokenizer(models.WordPiece(vocabulary, unk_token=UNKNOWN, max_input_chars_per_word=LONGEST_WORD))
    normalise(hf, settings)
    hf.pre_tokenizer = pre_tokenizers.Sequence(_words(settings))
    hf.decoder = decoders.WordPiece(cleanup=False)
    hf.add_special_tokens([SEPARATOR])
    return TrainedTokenizer(hf)


def train_unigram(texts: Iterable[str], settings: TokenizerSettings) -> TrainedTokenizer:
    """A unigram language model over pieces (Kudo, 2018), trained by ``sentencepiece``; bytes for rare characters.

    Raises:
        TokirError: the vocabulary is smaller than the alphabet, or larger than the texts yield.
    """
    import sentencepiece

    from tokenizers import Tokenizer as HFTokenizer
    from tokenizers import decoders, models, pre_tokenizers

    size = settings.vocabulary_size
    file = io.BytesIO()
    lines = (" ".join(text.split()) for text in _normalised(texts, settings))
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter([line for line in lines if line]),
            model_writer=file,
            model_type="unigram",
            vocab_size=size - 1,  # the separator is added below
            character_coverage=COVERAGE,
            byte_fallback=True,
            normalization_rule_name="identity",
            remove_extra_whitespaces=False,
            split_by_unicode_script=settings.pretokenization != "whitespace",
            split_by_number=settings.pretokenization != "whitespace",
            split_digits=settings.pretokenization == "digits",
            max_sentence_length=1 << 30,
            num_threads=THREADS,
            num_sub_iterations=1,  # of EM before a pruning; a second takes a third more time and saves 0.2% of tokens
            bos_id=-1,
            eos_id=-1,
            minloglevel=3,
        )
    except RuntimeError as error:
        raise TokirError(_unigram_problem(str(error), settings)) from None
    model = sentencepiece.SentencePieceProcessor(model_proto=file.getvalue())
    pieces = [(model.id_to_piece(i), model.get_score(i)) for i in range(model.get_piece_size())]
    hf = HFTokenizer(models.Unigram(pieces, unk_id=model.unk_id(), byte_fallback=True))
    normalise(hf, settings)
    cut: list[Any] = [pre_tokenizers.Metaspace(START, prepend_scheme="always", split=True)]
    if settings.pretokenization == "digits":
        cut.append(pre_tokenizers.Digits(individual_digits=True))
    hf.pre_tokenizer = pre_tokenizers.Sequence(cut) if len(cut) > 1 else cut[0]
    hf.decoder = decoders.Sequence(
        [decoders.ByteFallback(), decoders.Metaspace(START, prepend_scheme="always", split=True)]
    )
    hf.add_special_tokens([SEPARATOR])
    return TrainedTokenizer(hf)


def normalise(hf: HFTokenizer, settings: TokenizerSettings) -> None:
    """Give ``hf`` the normalisation that the settings ask for."""
    from tokenizers import normalizers

    steps = [getattr(normalizers, settings.normalization)()] if settings.normalization else []
    steps += [normalizers.Lowercase()] if settings.lowercase else []
    if steps:
        hf.normalizer = normalizers.Sequence(steps)


def too_small(settings: TokenizerSettings, found: int) -> TokirError:
    """The corpus yields fewer entries than were asked for."""
    return TokirError(
        f"{settings.id}: the corpus is too small for a vocabulary of {settings.vocabulary_size:,}: it yields only "
        f"{found:,} entries; ask for at most that many (its vocabulary_size), or give more documents"
    )


def _normalised(texts: Iterable[str], settings: TokenizerSettings) -> Iterable[str]:
    from tokenizers import Tokenizer as HFTokenizer
    from tokenizers import models

    hf = HFTokenizer(models.BPE())
    normalise(hf, settings)
    return texts if hf.normalizer is None else (hf.normalizer.normalize_str(text) for text in texts)


def _wordpieces(
    texts: list[str], settings: TokenizerSettings, merges: int, characters: list[str], known: set[str]
) -> tuple[list[str], int]:
    """Merged pieces of known characters in the order of their merges, and how many merges there were in all."""
    from tokenizers import Tokenizer as HFTokenizer
    from tokenizers import models, pre_tokenizers, trainers

    hf = HFTokenizer(models.BPE(continuing_subword_prefix=INSIDE))
    normalise(hf, settings)
    hf.pre_tokenizer = pre_tokenizers.Sequence(_words(settings))
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


def _words(settings: TokenizerSettings) -> list[Any]:
    """What WordPiece calls a word: what stands between white space and punctuation, or as the settings ask."""
    from tokenizers import pre_tokenizers

    punctuation = [] if settings.pretokenization == "whitespace" else [pre_tokenizers.Punctuation()]
    digits = [pre_tokenizers.Digits(individual_digits=True)] if settings.pretokenization == "digits" else []
    return [pre_tokenizers.WhitespaceSplit(), *punctuation, *digits]


def _alphabet(texts: Iterable[str]) -> tuple[list[str], list[str]]:
    """All characters; and the most frequent ones that together cover a text, white space apart. Both sorted."""
    occurrences = np.zeros(sys.maxunicode + 1, dtype=np.int64)
    left = iter(texts)
    while some := list(islice(left, COUNTED_AT_ONCE)):
        found = np.bincount(np.frombuffer("".join(some).encode("utf-32-le", "surrogatepass"), dtype=np.uint32))
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


def _regex(pattern: str) -> Any:
    from tokenizers import Regex

    return Regex(pattern)


def _unigram_problem(message: str, settings: TokenizerSettings) -> str:
    """The library's errors in this one's words; its largest and smallest sizes do not count the separator."""
    import re

    size = settings.vocabulary_size
    if found := re.search(r"value <= (\d+)", message):
        return str(too_small(settings, int(found[1]) + 1))
    if "smaller than required_chars" in message and (found := re.search(r"(\d+) vs (\d+)", message)):
        return (
            f"a Unigram vocabulary of {size:,} is smaller than its alphabet: ask for at least {int(found[2]) + 2:,} "
            "entries"
        )
    return f"no Unigram tokenizer of {size:,} entries can be trained: {message.splitlines()[-1]}"
