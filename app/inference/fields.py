"""Fields that several requests have: text that every database can hold, names, ids and seeds within bounds."""

from math import isfinite
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, StringConstraints, Tag
from pydantic_core import PydanticCustomError

MOST_CHOICES = 16
MOST_STOPS = 16
MOST_NESTED = 64  # levels of JSON within JSON
SEEDS = 2**63  # a seed lies below: it is stored in 64 bits with a sign


class In(BaseModel):
    """A request body: an unknown field is an error, and a number is not made from text."""

    model_config = ConfigDict(extra="forbid", strict=True)


def _storable(text: str) -> str:
    if "\0" in text:
        raise PydanticCustomError("nul", "Should hold no NUL character, which databases refuse")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise PydanticCustomError("surrogate", "Should be valid Unicode, without half of a surrogate pair") from None
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise PydanticCustomError("blank", "Should hold more than white space")
    return text


def _unlike(texts: list[str]) -> list[str]:
    if len(set(texts)) < len(texts):
        twice = next(text for text in texts if texts.count(text) > 1)
        raise PydanticCustomError("twice", "Should hold each text once; {text} is there twice", {"text": repr(twice[:80])})
    return texts


def _shallow(value: Any) -> Any:
    level = [value]
    for _ in range(MOST_NESTED + 1):
        if not level:
            return value
        if any(isinstance(one, float) and not isfinite(one) for one in level):
            raise PydanticCustomError("not_json", "Should hold no NaN and no infinity, which JSON does not have")
        # One level deeper: what the dictionaries and lists of this one hold.
        inside = [one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list)]
        level = [part for parts in inside for part in parts]
    raise PydanticCustomError("nested", "Should nest no deeper than {most} levels", {"most": MOST_NESTED})


def _text_or_texts(value: object) -> str | None:
    return "text" if isinstance(value, str) else "texts" if isinstance(value, list) else None


# Chooses the branch of a union by the value's shape, so that an error is about the branch that was meant.
text_or_texts = Discriminator(
    _text_or_texts, custom_error_type="text_or_texts", custom_error_message="Input should be a text or a list of texts"
)

Text = Annotated[str, AfterValidator(_storable)]
Json = Annotated[Any, AfterValidator(_shallow)]
JsonObject = Annotated[dict[str, Any], AfterValidator(_shallow)]
SomeText = Annotated[Text, StringConstraints(min_length=1), AfterValidator(_not_blank)]
ModelName = Annotated[Text, StringConstraints(min_length=1, max_length=200)]
ModelNames = Annotated[list[ModelName], Field(min_length=1, max_length=16), AfterValidator(_unlike)]
TaskName = Annotated[Text, StringConstraints(min_length=1, max_length=200)]
Labels = Annotated[list[SomeText], Field(min_length=1), AfterValidator(_unlike)]
TokenId = Annotated[int, Field(ge=0, lt=2**31)]
Count = Annotated[int, Field(ge=1, lt=2**31)]
Seed = Annotated[int, Field(ge=0, lt=SEEDS, description="the same seed gives the same answer; none: the server draws one")]
Temperature = Annotated[
    float, Field(ge=0, le=2, allow_inf_nan=False, description="0 takes the likeliest token; 1 leaves the distribution as it is")
]
TopP = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False, description="the smallest set of tokens with this probability")]
TopK = Annotated[int, Field(ge=0, lt=2**31, description="only so many likeliest tokens; 0: all")]
MinP = Annotated[
    float, Field(ge=0, le=1, allow_inf_nan=False, description="only tokens at least so likely as this share of the likeliest")
]
Repetition = Annotated[
    float, Field(gt=0, le=10, allow_inf_nan=False, description="above 1 makes tokens of prompt and answer less likely")
]
Presence = Annotated[
    float, Field(ge=-2, le=2, allow_inf_nan=False, description="off the logit of each token that the answer holds")
]
Frequency = Annotated[
    float,
    Field(ge=-2, le=2, allow_inf_nan=False, description="the same for each time that it is there"),
]
LogitBias = Annotated[
    dict[
        Annotated[str, StringConstraints(pattern=r"^[0-9]{1,9}$")],
        Annotated[float, Field(ge=-100, le=100, allow_inf_nan=False)],
    ],
    Field(max_length=1024, description="token id -> what is added to its logit"),
]
Choice = Annotated[list[SomeText], Field(min_length=1, max_length=1000), AfterValidator(_unlike)]
StopText = Annotated[Text, StringConstraints(min_length=1, max_length=1000)]
Stop = Annotated[
    Annotated[StopText, Tag("text")] | Annotated[list[StopText], Field(max_length=MOST_STOPS), Tag("texts")],
    text_or_texts,
    Field(description="the answer ends before the first of these"),
]
