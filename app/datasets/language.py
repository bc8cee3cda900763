"""Tells the language of a column of texts: by its script, and for Latin script by the function words of twelve languages.

Method: a text is in the language of which it has the most distinct function words, if these are at least 2 and half as many
again as of the next. A column is in the language of most of the texts that could be told, if those are at least a fifth of
the sample and 80 % of them agree; else the answer is "unknown". Languages that are not among the twelve are not told.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

SAMPLE_TEXTS = 1000
_TEXT_CHARS = 600
_AGREE, _TOLD = 0.8, 0.2

# What is common in one of them and rare in the others.
FUNCTION_WORDS = {
    "cs": "je že jsem jako pro ale by tak jsou které který bylo byl není nebo když také jeho až již pouze mezi podle",
    "da": "og det er jeg ikke til på med der har af vi han blev efter også fra eller hvor meget skal være nogle hun",
    "de": "der die das und ist nicht ich mit ein eine den dem auf für von zu sich auch wird wurde bei nach oder wie sind",
    "en": "the and of to is was in that for with this are have not you from his her were which when had but been there what my "
    "i it do can how why or if will would me need did they about does",
    "es": "el los las que y es en por con una para se del como más pero fue mi está este muy cuando también sin",
    "fr": "le les des et est dans que pour une qui pas sur avec je il au ce nous du plus mais été cette ont vous",
    "it": "il che di è non per una sono con gli della del le ma anche nel alla più mi questo come dei stato ho",
    "nl": "de het een en van niet dat ik op met voor zijn er aan ook maar naar wordt bij heeft werd deze uit",
    "pl": "w nie się na że jest z jak ale co przez był tym jego czy tylko jestem została które może oraz pod także",
    "pt": "o os que não uma em um para por mais como foi ao dos da na são mas está meu eu também você",
    "sv": "och att det som är inte jag på med för av till den han ett från också eller efter blev vid hade när",
    "tr": "ve bir bu için ile çok ama olarak daha gibi olan değil ne sonra kadar beni olduğu mi ya şey hiç bana",
}
_LANGUAGES_OF = {language: frozenset(words.split()) for language, words in FUNCTION_WORDS.items()}

# Scripts that one language of wide use is written in; Cyrillic, Arabic and Devanagari are shared by several.
_SCRIPTS = {
    "ja": re.compile("[\u3040-\u30ff]"),
    "ko": re.compile("[\uac00-\ud7af]"),
    "zh": re.compile("[\u4e00-\u9fff]"),
    "el": re.compile("[\u0370-\u03ff]"),
    "he": re.compile("[\u0590-\u05ff]"),
    "th": re.compile("[\u0e00-\u0e7f]"),
}
_LETTER = re.compile(r"[^\W\d_]")
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True)
class Language:
    """`shares`: language -> share of the sampled texts, "unknown" among them; they sum to 1."""

    language: str
    shares: dict[str, float]
    sampled: int


def language_of(texts: Sequence[str]) -> Language:
    """Of a column, from texts spread evenly over it."""
    step = max(1, len(texts) // SAMPLE_TEXTS)
    sample = texts[::step][:SAMPLE_TEXTS]
    count = Counter(_language(text[:_TEXT_CHARS]) for text in sample)
    told = len(sample) - count["unknown"]
    shares = {language: round(number / len(sample), 3) for language, number in count.most_common()} if sample else {}
    best = next((language for language, _ in count.most_common() if language != "unknown"), "unknown")
    clear = told >= max(1, _TOLD * len(sample)) and count[best] >= _AGREE * told
    return Language(best if clear else "unknown", shares, len(sample))


def _language(text: str) -> str:
    letters = len(_LETTER.findall(text))
    if not letters:
        return "unknown"
    if not text.isascii():
        for language, script in _SCRIPTS.items():
            # Japanese is written with Chinese characters too: a few of its own letters decide.
            if len(script.findall(text)) >= (0.1 if language == "ja" else 0.5) * letters:
                return language
    words = set(_WORD.findall(text.lower()))
    hits = sorted(((len(words & known), language) for language, known in _LANGUAGES_OF.items()), reverse=True)
    (most, language), (next_, _) = hits[:2]
    return language if most >= 2 and most >= 1.5 * next_ else "unknown"
