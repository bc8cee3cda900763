"""Baselines for the kinds without labels: what no language model is needed for, and any language model should beat.

Each learns from the training split, makes its one choice on validation, and never sees the test split.
"""

import json
import pickle
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from app.benchmarks.asking import Row, row_of, wording
from app.benchmarks.baselines import Fitted
from app.benchmarks.definition import Kind
from app.benchmarks.runner import Arm, Case, Chunk
from app.benchmarks.scored.cases import Gold, scored
from app.benchmarks.scored.ngrams import MOST, ByteNgrams
from app.benchmarks.scored.scales import Scale
from app.database.tables import Prediction
from app.errors import Unprocessable

MOST_SENTENCES = 10

_SENTENCE_ENDS = re.compile(r"(?<=[.!?])\s+|\s*\n\s*")

Worth = Callable[[Callable[[str], Row]], float]  # of a way to answer: its main metric on validation, more is better


class Answering(Protocol):
    """Answers a text as columns of a prediction: `text`, or `bits` of a text that was read."""

    parameters: int  # learned numbers
    said: str  # for the arm's note: what was chosen

    def fit(self, train: Sequence[Case], fields: Sequence[str], worth: Worth) -> None: ...

    def answer(self, text: str) -> Row: ...


class FrequentValues:
    """Extraction: always the same object, the most frequent value of each field. Whether a field that mostly has no value is
    left empty, or gets its most frequent value all the same, is chosen on validation."""

    name = "most frequent values"

    def fit(self, train: Sequence[Case], fields: Sequence[str], worth: Worth) -> None:
        rows = [json.loads(case.gold) for case in train]
        sparse, full = ({field: _most_frequent(rows, field, empty) for field in fields} for empty in (True, False))
        texts = [json.dumps(one, ensure_ascii=False) for one in (sparse, full)]
        self._text = max(texts, key=lambda text: worth(lambda _: {"text": text}))
        self.parameters = len(fields)
        self.said = f"{'fields' if self._text == texts[0] else 'no field'} may stay empty"

    def answer(self, text: str) -> Row:
        return {"text": self._text}


class NearestQuestion:
    """Questions: the answer of the nearest training text, by the cosine of TF-IDF over words and word pairs, or over these and
    pieces of words, what validation prefers."""

    name = "nearest training question"

    def fit(self, train: Sequence[Case], fields: Sequence[str], worth: Worth) -> None:
        """Raises Unprocessable for texts without words."""
        self._answers = [case.gold for case in train]
        self._ways = {}
        for said, vectorizer in _vectorizers().items():
            try:
                self._ways[said] = vectorizer, vectorizer.fit_transform([case.text for case in train])
            except ValueError as error:  # scikit-learn's "empty vocabulary"
                raise Unprocessable("The training texts hold no words to learn from; check the text column.") from error
        self.said = max(self._ways, key=lambda way: worth(lambda text: self._nearest(text, way)))
        self._ways = {self.said: self._ways[self.said]}
        self.parameters = int(self._ways[self.said][1].nnz)

    def answer(self, text: str) -> Row:
        return self._nearest(text, self.said)

    def _nearest(self, text: str, way: str) -> Row:
        vectorizer, known = self._ways[way]
        cosines = (known @ vectorizer.transform([text]).T).toarray().ravel()
        return {"text": self._answers[int(cosines.argmax())]}  # the first of equals


class Lead:
    """Summaries: the first sentences of the text, as many as validation prefers. A line's end ends a sentence too."""

    name = "first sentences"

    def fit(self, train: Sequence[Case], fields: Sequence[str], worth: Worth) -> None:
        self._count = max(range(1, MOST_SENTENCES + 1), key=lambda count: worth(lambda text: {"text": _first(text, count)}))
        self.parameters = 1
        self.said = f"the first {self._count}" if self._count > 1 else "the first one"

    def answer(self, text: str) -> Row:
        return {"text": _first(text, self._count)}


class NgramReader:
    """Perplexity: bytes foreseen from the bytes before them, as many as validation prefers."""

    name = "byte n-grams"

    def fit(self, train: Sequence[Case], fields: Sequence[str], worth: Worth) -> None:
        self._model = ByteNgrams([case.text for case in train])
        self._order = max(range(1, self._model.longest + 1), key=lambda order: worth(lambda text: self._read(text, order)))
        self.parameters = self._model.parameters
        self.said = f"each byte from the {self._order - 1} before it, interpolated (Witten-Bell)"
        self.said += f", counted in the first {MOST:,} bytes" if self._model.cut else ""

    def answer(self, text: str) -> Row:
        return self._read(text, self._order)

    def _read(self, text: str, order: int) -> Row:
        return {"bits": self._model.bits(text)[order - 1]}


BASELINES: Mapping[str, tuple[Kind, type[FrequentValues | NearestQuestion | Lead | NgramReader]]] = {
    "frequent-values": ("extraction", FrequentValues),
    "nearest-question": ("qa", NearestQuestion),
    "lead": ("summarisation", Lead),
    "byte-ngrams": ("perplexity", NgramReader),
}


class ScoredBaseline:
    """A baseline as an arm of a run, fitted here on the training split; the same rows always give the same answers."""

    def __init__(
        self, arm: Arm, scale: Scale, train: Sequence[Case], validation: Sequence[Case], gold: Mapping[int, Gold], seed: int
    ) -> None:
        """gold: of the validation cases at least."""
        self.arm, self._scale, self._seed = arm, scale, seed
        self._answering: Answering = BASELINES[arm.model][1]()

        def worth(answer: Callable[[str], Row]) -> float:
            """The mean of the main metric, its sign turned where less is better."""
            found = [scored(scale.kind, gold[case.id], Prediction(**answer(case.text))) for case in validation]
            values = [value for one in found if (value := one.scores[scale.main.name]) is not None]
            return sum(values) / len(values) * (-1 if scale.main.lower else 1)

        self._answering.fit(train, next(iter(gold.values())).fields, worth)
        self.validation_accuracy = worth(self._answering.answer)
        self.parameters = self._answering.parameters
        self.bytes = len(pickle.dumps(self._answering))

    @property
    def fitted(self) -> Fitted:
        return self

    @property
    def note(self) -> str:
        return (
            f"learned from the training split alone; chosen on validation by {self._scale.main.title}: {self._answering.said}."
        )

    def answer(self, cases: Sequence[Case], chunk: Chunk) -> list[Row]:
        """One row per case."""
        rows = []
        for case in cases:
            text = wording(case.text, chunk.condition, self._seed)
            started = time.perf_counter()
            said = self._answering.answer(text)
            ms = 1000 * (time.perf_counter() - started)
            rows.append(row_of(self.arm, case, chunk.condition, latency_ms=ms, **said))
        return rows


def _most_frequent(rows: Sequence[Mapping[str, Any]], field: str, empty: bool) -> Any:
    """Of equals the first in the order of their JSON. empty: no value counts as one; None where there is no other."""
    values = Counter(json.dumps(row.get(field), sort_keys=True, ensure_ascii=False) for row in rows)
    if not empty:
        values = Counter({value: count for value, count in values.items() if value not in ("null", '""')})
    return json.loads(min(values, key=lambda value: (-values[value], value))) if values else None


def _vectorizers() -> dict[str, Any]:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import FeatureUnion

    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
    pieces = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True)
    return {
        "near by its words": words,
        "near by its words and their pieces": FeatureUnion([("words", words), ("pieces", pieces)]),
    }


def _first(text: str, sentences: int) -> str:
    return " ".join([part for part in _SENTENCE_ENDS.split(text.strip()) if part][:sentences])
