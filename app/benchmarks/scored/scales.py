"""By what the kinds without labels are measured: their metrics, and the main one, which chooses and decides."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.benchmarks.definition import Kind


@dataclass(frozen=True)
class Metric:
    """A score per case, averaged over cases. `unit`: empty for a share. `decides`: more (or less) of it is better."""

    name: str
    title: str
    unit: str = ""
    lower: bool = False
    decides: bool = True


@dataclass(frozen=True)
class Scale:
    """The metrics of a kind, the main one first."""

    kind: Kind
    metrics: tuple[Metric, ...]
    about: str  # for a footnote: what the main metric is
    asked_again: bool = True  # whether the same answer twice means anything

    @property
    def main(self) -> Metric:
        return self.metrics[0]

    def metric(self, name: str) -> Metric:
        """Raises KeyError."""
        return {one.name: one for one in self.metrics}[name]


SCALES: Mapping[str, Scale] = {
    "extraction": Scale(
        "extraction",
        (Metric("field_f1", "field F1"), Metric("fields_exact", "all fields exact")),
        "Field F1: for each case, F1 of the fields that have a value, then the mean over cases; an answer that is no JSON "
        "object has 0. A value is right when it is the same but for case, spaces and 3 for 3.0.",
    ),
    "qa": Scale(
        "qa",
        (Metric("token_f1", "token F1"), Metric("exact_match", "exact match")),
        "Token F1: words that answer and right answer share, small and without articles and punctuation, of the right answer "
        "that fits best (SQuAD); exact match: all of them. An empty answer has 0.",
    ),
    "summarisation": Scale(
        "summarisation",
        (
            Metric("rouge_l", "ROUGE-L"),
            Metric("rouge_1", "ROUGE-1"),
            Metric("rouge_2", "ROUGE-2"),
            Metric("figures_named", "figures named"),
            Metric("length_ratio", "length", "words per word of the reference", decides=False),
        ),
        "ROUGE: F1 of words (1), of word pairs (2) and of the longest common subsequence of words (L) with the reference, not "
        "stemmed, of the reference that fits best. Figures named: share of the numbers of the dataset's own reference that the "
        "summary names. An empty summary has 0.",
        asked_again=False,
    ),
    "perplexity": Scale(
        "perplexity",
        (Metric("bits_per_byte", "bits per byte", "bits per byte", lower=True),),
        "Bits per byte: all bits that the texts cost over all their bytes of UTF-8, so that tokenizers compare; less is "
        "better. Each text is read as plain text after a start token, or the end token of a model without one, so that "
        "every byte counts.",
        asked_again=False,
    ),
}


def scale_of(kind: str) -> Scale | None:
    """None for the kinds whose answers are labels."""
    return SCALES.get(kind)
