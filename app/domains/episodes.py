"""What a kind of classification is built from: episodes that ask one question, and the small words that fill their texts."""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

from app.catalog.prompts import DEFAULT_INSTRUCTION

Draw = Callable[[], tuple[str, str]]  # a new text and its label, each time it is called


@dataclass(frozen=True)
class Episode:
    """One question as it is put once: its instruction, its labels in order, and a source of texts with their labels.

    `verbatim` labels are words of the text or say how it is written, so neither may be written another way. With
    `needs_examples` only examples tell which label is which.
    """

    instruction: str
    labels: tuple[str, ...]
    draw: Draw
    verbatim: bool = False
    needs_examples: bool = False


Kind = Callable[[random.Random], Episode]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


NAMES = _words(
    "Anna Ben Clara David Emma Frank Grace Henry Ida Jack Kate Leo Mary Nick Olga Paul Rosa Sam Tina Victor Alice Peter Lucy "
    "Tom Sarah John Maria Karl Julia Mark Nina Oscar"
)
PLACES = _words(
    "Leeds Oxford Boston Vienna Bergen Lyon Dublin Geneva Dover Turin Bristol Denver Krakow Ghent Porto Bremen York Salem "
    "Aston Milford"
)
DAYS = _words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
MONTHS = _words("January February March April May June July August September October November December")
COLOURS = _words("red blue green yellow black white brown orange purple grey pink")
WORDS = _words(
    "apple arrow baby ball bank basket beach bear bed bell bird blanket board boat book bottle bowl box branch bread bridge "
    "brother brush bucket building bus butter button cake camera candle car card carpet castle cat chain chair cheese child "
    "church circle city clock cloud coat coffee coin computer corn cow cup curtain daughter desk dish doctor dog door dream "
    "dress drum duck ear earth egg engine evening eye face factory farm father feather fence field finger fire fish flag floor "
    "flower food foot forest fork friend frog garden gate girl glass glove gold grass hammer hand hat heart hill honey horse "
    "hospital hotel house ice island jacket key king kitchen knife ladder lady lake lamp leaf letter library light lion lock "
    "machine map market meal milk mirror money moon morning mother mountain mouse mouth museum music needle neighbour nest "
    "newspaper night nose nurse oil orange paper park parcel pen pencil phone piano picture pig pillow plant plate pocket "
    "police pond prince prison queen question radio rain ring river road rock roof room rope rose sand school sea seat shadow "
    "sheep ship shirt shoe shop shoulder silver sister sky snow soap soldier son song soup spoon spring square stamp star "
    "station stone storm story street student sugar summer sun table teacher tent ticket tiger tooth tower town toy train "
    "tree truck tunnel uncle valley village violin voice wagon wall watch water wheel whistle wind window wine winter wolf "
    "woman wood world yard year answer balance battle bottom breath business cause century chance change corner country "
    "damage danger debt degree detail distance duty effort error event example failure future habit health history hope idea "
    "journey justice knowledge language law lesson limit loss luck memory method minute mistake moment nature noise "
    "number order pain peace plan power price problem promise reason result reward risk rule safety season secret service "
    "sign silence size skill sleep sound speed spirit strength success surprise system task taste theory thought trade trouble "
    "truth value victory view war wealth weather weight work worry"
)
NUMBERS = _words("zero one two three four five six seven eight nine ten eleven twelve")

GENERIC = (
    "Classify the text.",
    "Which label fits?",
    "Pick the right label for the text.",
    "Read the text and choose a label.",
    "Select the label that describes the text.",
    "Assign one of the labels to the text.",
    "Which of the labels is right? Answer with the label only.",
    "Choose the best label.",
    "Decide which label the text belongs to.",
    "You label texts. Give the one that fits.",
)
ASIDES = (
    "Thanks in advance.",
    "I wrote about this on {day}.",
    "That is all.",
    "This was in {month}.",
    "My number is {n}.",
    "{name} knows about it.",
    "I am writing from {place}.",
    "It is the second time.",
    "Let me know.",
    "More will follow.",
    "As I said before.",
    "We talked about it last week.",
    "Here is what happened.",
    "Hello.",
    "Just so you know.",
    "I hope you can read this.",
)


def fill(template: str, rng: random.Random) -> str:
    """Replace {name}, {place}, {day}, {month}, {n} and {colour}, each by a new draw."""
    values: dict[str, Callable[[], str]] = {
        "name": lambda: rng.choice(NAMES),
        "place": lambda: rng.choice(PLACES),
        "day": lambda: rng.choice(DAYS),
        "month": lambda: rng.choice(MONTHS),
        "n": lambda: str(rng.randint(2, 99)),
        "colour": lambda: rng.choice(COLOURS),
    }
    return re.sub(r"\{(name|place|day|month|n|colour)\}", lambda match: values[match[1]](), template)


def ask(rng: random.Random, *instructions: str) -> str:
    """The default instruction often, else one of the question's own or a general one."""
    point = rng.random()
    if point < 0.4:
        return DEFAULT_INSTRUCTION
    return rng.choice(instructions) if point < 0.8 and instructions else rng.choice(GENERIC)


def sentence(text: str) -> str:
    """With a capital and a full stop, where it has none."""
    text = text[:1].upper() + text[1:]
    return text if text[-1:] in ".!?\"';})>" else f"{text}."
