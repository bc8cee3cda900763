"""Kinds of classification whose answer is in the text or in the rule: finding, comparing, counting, following."""

import random
from collections.abc import Callable

from app.domains.episodes import COLOURS, DAYS, MONTHS, NAMES, NUMBERS, PLACES, WORDS, Episode, Kind, ask, sentence

PUZZLES: dict[str, Kind] = {}


def puzzle(name: str) -> Callable[[Kind], Kind]:
    """Enter a kind in the table."""

    def enter(kind: Kind) -> Kind:
        PUZZLES[name] = kind
        return kind

    return enter


FRAMES = (
    "the {a} stood near the {b}",
    "they saw a {a} and a {b}",
    "no {a} without a {b}",
    "she thought of the {a}, then of the {b}",
    "a {a} is not a {b}",
    "the old {a} was sold with the {b}",
    "behind the {a} there was a {b}",
    "he spoke of {a} and {b}",
    "the {a} came before the {b}",
    "first the {a}, later the {b}",
    "give me the {a}, not the {b}",
)


def _scene(rng: random.Random, a: str, b: str) -> str:
    return rng.choice(FRAMES).format(a=a, b=b)


@puzzle("mentioned-word")
def mentioned(rng: random.Random) -> Episode:
    labels = rng.sample(WORDS, rng.randint(2, 16))
    rest = [word for word in WORDS if word not in labels]

    def draw() -> tuple[str, str]:
        label, others = rng.choice(labels), rng.sample(rest, 3)
        pair = [label, others[0]]
        rng.shuffle(pair)
        text = _scene(rng, *pair)
        if rng.random() < 0.4:
            more = _scene(rng, *others[1:])
            text = f"{sentence(text)} {sentence(more)}" if rng.random() < 0.5 else f"{sentence(more)} {sentence(text)}"
        return sentence(text), label

    return Episode(
        ask(rng, "Which of these words is in the text?", "Which label does the text mention?"), tuple(labels), draw, True
    )


def _place_in_list(rng: random.Random, place: int, *questions: str) -> Episode:
    labels = rng.sample(WORDS, rng.randint(3, 8))

    def draw() -> tuple[str, str]:
        words = rng.sample(labels, rng.randint(3, len(labels)))
        return ", ".join(words), words[place]

    return Episode(rng.choice(questions), tuple(labels), draw, True)


@puzzle("first-word")
def first_word(rng: random.Random) -> Episode:
    return _place_in_list(rng, 0, "Which word comes first in the text?", "Answer with the first word of the text.")


@puzzle("last-word")
def last_word(rng: random.Random) -> Episode:
    return _place_in_list(rng, -1, "Which word comes last in the text?", "Answer with the last word of the text.")


@puzzle("repeated-word")
def repeated(rng: random.Random) -> Episode:
    labels = rng.sample(WORDS, rng.randint(2, 8))

    def draw() -> tuple[str, str]:
        label = rng.choice(labels)
        words = [*rng.sample([word for word in labels if word != label], rng.randint(1, len(labels) - 1)), label]
        rng.shuffle(words)
        words.insert(rng.randint(0, len(words)), label)
        return " ".join(words), label

    return Episode(rng.choice(("Which word is in the text twice?", "Find the repeated word.")), tuple(labels), draw, True)


@puzzle("next-word")
def next_word(rng: random.Random) -> Episode:
    labels = tuple(rng.sample(WORDS, rng.randint(4, 9)))

    def draw() -> tuple[str, str]:
        order = rng.sample(labels, len(labels))
        at = rng.randrange(len(order) - 1)
        return f"{' '.join(order)} | {order[at]}", order[at + 1]

    return Episode(rng.choice(("Which word follows the last one?", "What comes after that word?")), labels, draw, True)


@puzzle("missing-word")
def missing(rng: random.Random) -> Episode:
    labels = tuple(rng.sample(WORDS, rng.randint(3, 7)))

    def draw() -> tuple[str, str]:
        order = rng.sample(labels, len(labels))
        return f"There are: {', '.join(order[1:])}.", order[0]

    return Episode(rng.choice(("Which label is not in the text?", "Name the one that is missing.")), labels, draw, True)


@puzzle("quoted-word")
def quoted(rng: random.Random) -> Episode:
    labels = tuple(rng.sample(WORDS, rng.randint(3, 10)))
    left, right = rng.choice((('"', '"'), ("(", ")"), ("[", "]"), ("*", "*"), ("<", ">")))

    def draw() -> tuple[str, str]:
        words = rng.sample(labels, rng.randint(3, min(6, len(labels))))
        at = rng.randrange(len(words))
        label = words[at]
        words[at] = f"{left}{label}{right}"
        return " ".join(words), label

    return Episode(ask(rng, f"Which word stands between {left} and {right}?", "Which word is marked?"), labels, draw, True)


@puzzle("field-value")
def field_value(rng: random.Random) -> Episode:
    fields = rng.sample(("Topic", "Team", "Area", "Group", "Type", "Class", "Tag", "Category", "Sort", "Section"), 3)
    labels = tuple(rng.sample(WORDS, rng.randint(3, 10)))

    def draw() -> tuple[str, str]:
        values = rng.sample(labels, 3)
        pairs = list(zip(fields, values, strict=True))
        rng.shuffle(pairs)
        return "; ".join(f"{field}: {value}" for field, value in pairs), values[0]

    return Episode(f"What is the {fields[0].lower()}?", labels, draw, True)


@puzzle("who-gave")
def who_gave(rng: random.Random) -> Episode:
    labels = tuple(rng.sample(NAMES, rng.randint(3, 6)))
    gives = rng.random() < 0.5
    verb, done = rng.choice((("gave", "given"), ("sold", "sold"), ("showed", "shown"), ("handed", "handed")))
    frames = ("{a} {verb} {b} a {thing}.", "{a} {verb} the {thing} to {b}.", "{b} was {done} a {thing} by {a}.")

    def draw() -> tuple[str, str]:
        a, b = rng.sample(labels, 2)
        text = rng.choice(frames).format(a=a, b=b, verb=verb, done=done, thing=rng.choice(WORDS))
        return text, a if gives else b

    return Episode(f"Who {verb} it?" if gives else f"To whom was it {done}?", labels, draw)


ROOMS = ("cellar", "hall", "attic", "barn", "lift", "library", "tower", "tent", "church")


@puzzle("where-is")
def where_is(rng: random.Random) -> Episode:
    rooms = (
        "the cellar",
        "the hall",
        "the attic",
        "the barn",
        "the lift",
        "the library",
        "the tower",
        "the tent",
        "the church",
    )
    labels = tuple(rng.sample(rooms, rng.randint(3, 7)))

    def draw() -> tuple[str, str]:
        people, places = rng.sample(NAMES, 2), rng.sample(labels, 2)
        facts = [
            rng.choice((f"{who} is in {where}.", f"{who} went to {where}.")) for who, where in zip(people, places, strict=True)
        ]
        return f"{' '.join(facts)} Where is {people[at := rng.randrange(2)]}?", places[at]

    return Episode(ask(rng, "Answer the question at the end of the text.", "Where is the person?"), labels, draw)


@puzzle("colour-of")
def colour_of(rng: random.Random) -> Episode:
    labels = tuple(rng.sample(COLOURS, rng.randint(3, 8)))

    def draw() -> tuple[str, str]:
        (a, b), (x, y) = rng.sample(labels, 2), rng.sample(WORDS, 2)
        thing, colour = rng.choice(((x, a), (y, b)))
        return f"{sentence(_scene(rng, f'{a} {x}', f'{b} {y}'))} What colour is the {thing}?", colour

    return Episode(ask(rng, "Answer the question with a colour.", "What colour is it?"), labels, draw)


@puzzle("taller")
def taller(rng: random.Random) -> Episode:
    labels = tuple(rng.sample(NAMES, rng.randint(3, 6)))
    more, less = rng.choice((("taller", "shorter"), ("older", "younger"), ("faster", "slower"), ("richer", "poorer")))

    def draw() -> tuple[str, str]:
        a, b = rng.sample(labels, 2)
        return (f"{a} is {more} than {b}.", a) if rng.random() < 0.5 else (f"{a} is {less} than {b}.", b)

    return Episode(f"Who is {more}?", labels, draw)


@puzzle("yes-no-mention")
def yes_no_mention(rng: random.Random) -> Episode:
    yes, no = rng.choice((("yes", "no"), ("true", "false"), ("found", "not found"), ("present", "absent")))

    def draw() -> tuple[str, str]:
        a, b, c = rng.sample(WORDS, 3)
        here = rng.random() < 0.5
        return f"{sentence(_scene(rng, a, b))} Is there a {rng.choice((a, b)) if here else c}?", yes if here else no

    return Episode(ask(rng, "Answer the question about the text."), tuple(rng.sample((yes, no), 2)), draw)


@puzzle("topic-word-check")
def word_check(rng: random.Random) -> Episode:
    target = rng.choice(WORDS)
    yes, no = rng.choice((("yes", "no"), ("relevant", "irrelevant"), ("match", "no match"), ("keep", "drop")))

    def draw() -> tuple[str, str]:
        a, b = rng.sample([word for word in WORDS if word != target], 2)
        here = rng.random() < 0.5
        return sentence(_scene(rng, *rng.sample((a, target if here else b), 2))), yes if here else no

    return Episode(
        rng.choice(
            (f"Does the text mention {target}?", f"Is the word {target} in the text?", f"We look for texts about {target}.")
        ),
        tuple(rng.sample((yes, no), 2)),
        draw,
    )


@puzzle("rule-by-word")
def rule_by_word(rng: random.Random) -> Episode:
    size = rng.randint(2, 6)
    keys, answers = rng.sample(WORDS, size), rng.sample(WORDS if rng.random() < 0.5 else list("ABCDEFGHKLMNPRSTUVWXYZ"), size)
    rule = dict(zip(keys, answers, strict=True))
    shape = rng.choice(("{a} means {b}", "if {a} then {b}", "{a} -> {b}", "{a} = {b}", "answer {b} for {a}"))

    def draw() -> tuple[str, str]:
        key = rng.choice(keys)
        other = rng.choice([word for word in WORDS if word not in rule])
        return sentence(_scene(rng, *rng.sample((key, other), 2))), rule[key]

    text = "; ".join(shape.format(a=a, b=b) for a, b in rule.items())
    return Episode(f"Follow the rule: {text}.", tuple(rng.sample(answers, size)), draw, True)


GROUPS = ("alpha", "beta", "gamma", "delta", "north", "south", "east", "west", "team A", "team B", "group 1")


@puzzle("labels-with-list")
def labels_with_list(rng: random.Random) -> Episode:
    size = rng.randint(2, 5)
    words = rng.sample(WORDS, size * 4)
    names = rng.sample(
        ("alpha", "beta", "gamma", "delta", "north", "south", "east", "west", "team A", "team B", "group 1"), size
    )
    lists = {name: words[4 * i : 4 * i + 4] for i, name in enumerate(names)}

    def draw() -> tuple[str, str]:
        name = rng.choice(names)
        return rng.choice(("It is about the {}.", "Where does {} belong?", "We need a {}.", "{}")).format(
            rng.choice(lists[name])
        ), name

    text = "\n".join(f"{name}: {', '.join(members)}" for name, members in lists.items())
    return Episode(f"Choose the group of the word.\n{text}", tuple(rng.sample(names, size)), draw, True)


@puzzle("number-above")
def number_above(rng: random.Random) -> Episode:
    limit = rng.choice((10, 50, 100, 500, 1000))
    high, low = rng.choice((("above", "below"), ("high", "low"), ("more", "less"), ("yes", "no")))
    unit = rng.choice(("euros", "people", "boxes", "points", "pages"))

    def draw() -> tuple[str, str]:
        number = rng.randint(limit + 1, limit * 9) if rng.random() < 0.5 else rng.randint(1, limit - 1)
        return f"They counted {number} {unit}.", high if number > limit else low

    return Episode(f"Is the number above {limit}? Answer {high} or {low}.", tuple(rng.sample((high, low), 2)), draw)


@puzzle("larger-number")
def larger(rng: random.Random) -> Episode:
    def draw() -> tuple[str, str]:
        a, b = rng.sample(range(1, 100), 2)
        return f"first: {a}, second: {b}", "first" if a > b else "second"

    return Episode(rng.choice(("Which number is larger?", "Which is more?")), tuple(rng.sample(("first", "second"), 2)), draw)


@puzzle("odd-even")
def odd_even(rng: random.Random) -> Episode:
    def draw() -> tuple[str, str]:
        number = rng.randint(1, 999)
        return f"the number {number}", "odd" if number % 2 else "even"

    return Episode(ask(rng, "Is the number odd or even?"), tuple(rng.sample(("odd", "even"), 2)), draw)


@puzzle("how-many-items")
def how_many(rng: random.Random) -> Episode:
    most = rng.randint(3, 6)
    names = tuple(NUMBERS[1 : most + 1]) if rng.random() < 0.5 else tuple(map(str, range(1, most + 1)))

    def draw() -> tuple[str, str]:
        count = rng.randint(1, most)
        return f"Items: {', '.join(rng.sample(WORDS, count))}.", names[count - 1]

    return Episode(rng.choice(("How many items are listed?", "Count the items.")), tuple(rng.sample(names, most)), draw)


@puzzle("digits-or-letters")
def digits(rng: random.Random) -> Episode:
    labels = rng.choice((("number", "word"), ("digits", "letters"), ("numeric", "text")))

    def draw() -> tuple[str, str]:
        here = rng.random() < 0.5
        return f"code: {rng.randint(100, 99999) if here else rng.choice(WORDS)}", labels[0 if here else 1]

    return Episode(ask(rng, "Is it a number or a word?"), tuple(rng.sample(labels, 2)), draw)


@puzzle("letter-case")
def letter_case(rng: random.Random) -> Episode:
    labels = ("upper case", "lower case", "title case")

    def draw() -> tuple[str, str]:
        label = rng.choice(labels)
        text = _scene(rng, *rng.sample(WORDS, 2)).replace("'", "")
        return {"upper case": text.upper(), "lower case": text.lower(), "title case": text.title()}[label], label

    return Episode(ask(rng, "How is the text written?"), tuple(rng.sample(labels, 3)), draw, True)


@puzzle("sentence-type")
def sentence_type(rng: random.Random) -> Episode:
    frames = {
        "question": ("Where is the {a}?", "Did you see the {a} by the {b}?", "Why is the {a} here?", "Who took the {a}?"),
        "statement": ("The {a} is by the {b}.", "She has a {a}.", "There is a {a} in the {b}.", "He took the {a}."),
        "command": ("Bring the {a}!", "Put the {a} on the {b}!", "Take the {a} away!", "Look at the {a}!"),
        "exclamation": ("What a {a}!", "Oh, the {a}!", "How big that {a} is!", "Such a fine {a}!"),
    }
    labels = rng.sample(sorted(frames), rng.randint(2, 4))

    def draw() -> tuple[str, str]:
        label = rng.choice(labels)
        a, b = rng.sample(WORDS, 2)
        return rng.choice(frames[label]).format(a=a, b=b), label

    return Episode(ask(rng, "What type of sentence is it?"), tuple(labels), draw)


VERBS = (
    "walk/walked play/played open/opened cook/cooked paint/painted wash/washed clean/cleaned call/called help/helped "
    "eat/ate see/saw take/took write/wrote buy/bought find/found sell/sold bring/brought drive/drove build/built "
    "break/broke"
)
VERB_FORMS = tuple(verb.split("/") for verb in VERBS.split())


@puzzle("tense")
def tense(rng: random.Random) -> Episode:
    labels = ("past", "present", "future")

    def draw() -> tuple[str, str]:
        label = rng.choice(labels)
        base, past = rng.choice(VERB_FORMS)
        verb = {"past": past, "present": base, "future": rng.choice((f"will {base}", f"are going to {base}"))}[label]
        subject = rng.choice(("they", "we", f"{rng.choice(NAMES)} and {rng.choice(NAMES)}"))
        return sentence(f"{subject} {verb} the {rng.choice(WORDS)}"), label

    return Episode(ask(rng, "Which tense is it?", "Past, present or future?"), tuple(rng.sample(labels, 3)), draw)


@puzzle("person-number")
def person(rng: random.Random) -> Episode:
    subjects = {"first person": ("I", "we"), "second person": ("you",), "third person": ("he", "she", "they", "the man")}

    def draw() -> tuple[str, str]:
        label = rng.choice(sorted(subjects))
        past = rng.choice(VERB_FORMS)[1]
        return sentence(f"{rng.choice(subjects[label])} {past} a {rng.choice(WORDS)}"), label

    return Episode(ask(rng, "In which grammatical person is it?"), tuple(rng.sample(sorted(subjects), 3)), draw)


@puzzle("grammar-check")
def grammar(rng: random.Random) -> Episode:
    right, wrong = rng.choice((("correct", "incorrect"), ("right", "wrong"), ("good", "bad grammar")))

    def draw() -> tuple[str, str]:
        plural = rng.random() < 0.5
        subject = rng.choice(("they", "we", "you")) if plural else rng.choice(("he", "she", "it"))
        fine = rng.random() < 0.5
        verb = "are" if plural == fine else "is"
        return sentence(
            f"{subject} {verb} {rng.choice(('in', 'near', 'behind'))} the {rng.choice(WORDS)}"
        ), right if fine else wrong

    return Episode(ask(rng, "Is the grammar right?"), tuple(rng.sample((right, wrong), 2)), draw)


@puzzle("day-or-month")
def day_or_month(rng: random.Random) -> Episode:
    groups = {"day": DAYS, "month": MONTHS, "number": NUMBERS, "colour": COLOURS, "name": NAMES, "city": PLACES}
    labels = rng.sample(sorted(groups), rng.randint(2, 6))

    def draw() -> tuple[str, str]:
        label = rng.choice(labels)
        return f"It says {rng.choice(groups[label])}.", label

    return Episode(ask(rng, "What sort of word is it?"), tuple(labels), draw)


@puzzle("part-of-day")
def part_of_day(rng: random.Random) -> Episode:
    hours = {"morning": (6, 11), "afternoon": (13, 17), "evening": (18, 21), "night": (0, 4)}

    def draw() -> tuple[str, str]:
        label = rng.choice(sorted(hours))
        return f"It was {rng.randint(*hours[label]):02d}:{rng.randint(0, 59):02d} when they came.", label

    return Episode(ask(rng, "Which part of the day is it?"), tuple(rng.sample(sorted(hours), 4)), draw)


@puzzle("same-word")
def same_word(rng: random.Random) -> Episode:
    same, other = rng.choice((("same", "different"), ("equal", "not equal"), ("yes", "no")))

    def draw() -> tuple[str, str]:
        a, b = rng.sample(WORDS, 2)
        equal = rng.random() < 0.5
        return f"{a} / {a if equal else b}", same if equal else other

    return Episode(
        rng.choice(("Are both words the same?", "Compare the two words.")), tuple(rng.sample((same, other), 2)), draw
    )


@puzzle("majority-word")
def majority(rng: random.Random) -> Episode:
    labels = tuple(rng.sample(WORDS, rng.randint(2, 4)))

    def draw() -> tuple[str, str]:
        label = rng.choice(labels)
        words = [label] * rng.randint(3, 5) + [rng.choice(labels) for _ in range(2)]
        rng.shuffle(words)
        return " ".join(words), label

    return Episode(rng.choice(("Which word is most frequent?", "Which word is there most often?")), labels, draw, True)


@puzzle("not-but")
def not_but(rng: random.Random) -> Episode:
    labels = tuple(rng.sample(WORDS, rng.randint(3, 8)))
    frames = ("Not the {b} but the {a}.", "The {a}, not the {b}.", "It was no {b}; it was a {a}.", "Rather a {a} than a {b}.")

    def draw() -> tuple[str, str]:
        a, b = rng.sample(labels, 2)
        return rng.choice(frames).format(a=a, b=b), a

    return Episode(rng.choice(("What is meant?", "Which one is wanted?", "Which one is it?")), labels, draw, True)


@puzzle("arithmetic-check")
def arithmetic_check(rng: random.Random) -> Episode:
    right, wrong = rng.choice((("right", "wrong"), ("true", "false"), ("correct", "incorrect")))

    def draw() -> tuple[str, str]:
        a, b = rng.randint(1, 9), rng.randint(1, 9)
        fine = rng.random() < 0.5
        return f"{a} + {b} = {a + b if fine else a + b + rng.choice((-2, -1, 1, 2, 3))}", right if fine else wrong

    return Episode(rng.choice(("Is the sum right?", "Check the sum.")), tuple(rng.sample((right, wrong), 2)), draw)


@puzzle("sum-of-two")
def sum_of_two(rng: random.Random) -> Episode:
    def draw() -> tuple[str, str]:
        a, b = rng.randint(0, 6), rng.randint(0, 6)
        return f"{NUMBERS[a]} and {NUMBERS[b]} more", str(a + b)

    return Episode(rng.choice(("How many are there together?", "Add the numbers.")), tuple(map(str, range(13))), draw, True)


PAIRS = (
    "big/large small/little quick/fast begin/start end/finish rich/wealthy ill/sick glad/happy angry/furious smart/clever "
    "tired/weary silent/quiet odd/strange road/street stone/rock gift/present shop/store sea/ocean error/mistake jump/leap "
    "shout/yell close/shut buy/purchase sell/trade repair/mend cash/money physician/doctor film/movie auto/car kid/child "
    "woods/forest present/current simple/easy hard/difficult correct/right fear/dread answer/reply ask/inquire help/assist "
    "choose/pick build/construct destroy/ruin thief/robber house/home infant/baby meal/dish illness/disease blaze/fire "
    "flood/deluge journey/trip job/work boss/chief picture/image speak/talk look/watch weep/cry tale/story dear/expensive "
    "damp/wet idle/lazy brave/bold cold/chilly broad/wide tiny/minute sum/total"
)
OPPOSITES = (
    "hot/cold up/down left/right open/closed day/night early/late full/empty rich/poor strong/weak old/young long/short "
    "light/dark loud/quiet wet/dry clean/dirty first/last win/lose love/hate buy/sell give/take near/far thick/thin "
    "deep/shallow sharp/blunt cheap/expensive easy/hard true/false alive/dead inside/outside push/pull arrive/depart "
    "accept/refuse friend/enemy question/answer birth/death peace/war summer/winter heaven/hell before/after "
    "always/never sweet/bitter heavy/light smooth/rough tight/loose"
)


def _pairs(rng: random.Random, table: str, *questions: str) -> Episode:
    pairs = [tuple(pair.split("/")) for pair in table.split()]
    chosen = rng.sample(pairs, rng.randint(3, 10))
    chosen = [pair if rng.random() < 0.5 else pair[::-1] for pair in chosen]

    def draw() -> tuple[str, str]:
        word, label = rng.choice(chosen)
        return rng.choice(("{}", "the word {}", '"{}"')).format(word), label

    return Episode(rng.choice(questions), tuple(dict.fromkeys(label for _, label in chosen)), draw, True)


@puzzle("synonym")
def synonym(rng: random.Random) -> Episode:
    return _pairs(rng, PAIRS, "Which word means the same?", "Choose the synonym.", "Pick the word of like meaning.")


@puzzle("opposite")
def opposite(rng: random.Random) -> Episode:
    return _pairs(rng, OPPOSITES, "Which word is the opposite?", "Choose the antonym.")


MEANINGS = {
    "clock": "it shows the time",
    "umbrella": "it keeps you dry in the rain",
    "key": "it opens a lock",
    "bridge": "it leads over a river",
    "bed": "you sleep in it",
    "spoon": "you eat soup with it",
    "map": "it shows the way",
    "mirror": "you see yourself in it",
    "candle": "it gives light when it burns",
    "ladder": "you climb on it",
    "basket": "you carry things in it",
    "pillow": "you lay your head on it",
    "hammer": "you drive nails with it",
    "letter": "you send it in an envelope",
    "window": "it lets light into a room",
    "oven": "you bake bread in it",
    "ship": "it sails on the sea",
    "needle": "you sew with it",
    "coin": "round money made of metal",
    "well": "you draw water from it",
    "school": "children learn there",
    "hospital": "sick people are treated there",
    "library": "you borrow books there",
    "bakery": "you buy bread there",
    "stable": "horses sleep there",
    "prison": "thieves are locked up there",
    "airport": "planes land there",
    "museum": "old things are shown there",
    "dictionary": "a book that explains words",
    "desert": "a dry place full of sand",
    "island": "land with water all around",
    "orphan": "a child without parents",
    "widow": "a woman whose husband died",
    "tailor": "a person who makes clothes",
    "shepherd": "a person who looks after sheep",
    "captain": "the person who commands a ship",
}


@puzzle("definition")
def definition(rng: random.Random) -> Episode:
    labels = rng.sample(sorted(MEANINGS), rng.randint(2, 12))

    def draw() -> tuple[str, str]:
        label = rng.choice(labels)
        return rng.choice(("{}", "What is it? {}", "{}. What is meant?")).format(sentence(MEANINGS[label])), label

    return Episode(ask(rng, "Which word is described?", "What is it?"), tuple(labels), draw)


STATES = "hot/cold open/closed full/empty clean/dirty wet/dry alive/dead old/new on/off"


@puzzle("negation")
def negation(rng: random.Random) -> Episode:
    pairs = [pair.split("/") for pair in STATES.split()]
    pair = rng.choice(pairs)

    def draw() -> tuple[str, str]:
        word = rng.randrange(2)
        turned = rng.random() < 0.5
        return f"The {rng.choice(WORDS)} is {'not ' if turned else ''}{pair[word]}.", pair[1 - word if turned else word]

    return Episode(ask(rng, "In what state is it?"), tuple(rng.sample(pair, 2)), draw)


@puzzle("sorted-numbers")
def in_order(rng: random.Random) -> Episode:
    def draw() -> tuple[str, str]:
        numbers = sorted(rng.sample(range(1, 99), 3), reverse=(down := rng.random() < 0.5))
        return " ".join(map(str, numbers)), "falling" if down else "rising"

    return Episode(ask(rng, "Do the numbers rise or fall?"), tuple(rng.sample(("rising", "falling"), 2)), draw)


@puzzle("smiley")
def smiley(rng: random.Random) -> Episode:
    faces = {"happy": (":)", ":-)", ":D", "=)"), "sad": (":(", ":-(", ":'(", "=("), "none": ("", ".", "!")}
    labels = rng.sample(sorted(faces), rng.randint(2, 3))

    def draw() -> tuple[str, str]:
        label = rng.choice(labels)
        return f"{_scene(rng, *rng.sample(WORDS, 2))} {rng.choice(faces[label])}".strip(), label

    return Episode(ask(rng, "Which smiley is in the text?", "Is the face happy or sad?"), tuple(labels), draw)


NONSENSE = ("zib", "dax", "wug", "fep", "lom", "1", "2", "3", "4", "A", "B", "C")


@puzzle("pattern-by-example")
def pattern(rng: random.Random) -> Episode:
    """Only the examples tell which word stands for which label."""
    size = rng.randint(2, 4)
    keys, labels = (
        rng.sample(WORDS, size * 2),
        rng.sample(("zib", "dax", "wug", "fep", "lom", "1", "2", "3", "4", "A", "B", "C"), size),
    )

    def draw() -> tuple[str, str]:
        at = rng.randrange(size * 2)
        return rng.choice(("{}", "it is {}", "{} again", "one {}")).format(keys[at]), labels[at % size]

    instruction = ask(rng, "Learn from the examples which label is right.")
    return Episode(instruction, tuple(rng.sample(labels, size)), draw, verbatim=True, needs_examples=True)
