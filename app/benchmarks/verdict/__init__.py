"""General, custom or both: the verdict on a run's arms, by a rule that is stated before any number"""

from app.benchmarks.verdict.decide import decide
from app.benchmarks.verdict.pairs import Pair, Slice, chosen, compare
from app.benchmarks.verdict.question import Question
from app.benchmarks.verdict.verdict import Decision, Verdict

__all__ = ["Decision", "Pair", "Question", "Slice", "Verdict", "chosen", "compare", "decide"]
