"""What comes in: the requests of the inference routes, OpenAI's where there is one."""

import json
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, StringConstraints, Tag, model_validator
from pydantic_core import PydanticCustomError

from app.engines.base import Grammar, Priority
from app.errors import InvalidRequest, Unprocessable
from app.inference.fields import (
    MOST_CHOICES,
    Choice,
    Count,
    Frequency,
    In,
    Json,
    JsonObject,
    Labels,
    LogitBias,
    MinP,
    ModelName,
    ModelNames,
    Presence,
    Repetition,
    Seed,
    SomeText,
    Stop,
    TaskName,
    Temperature,
    Text,
    TokenId,
    TopK,
    TopP,
    text_or_texts,
)

# A field of OpenAI's that we know and cannot do yet: only a value that changes nothing is accepted.
NotYet = Annotated[Any, Field(description="not supported yet: refused unless its value changes nothing")]
# A field that has no effect on an answer.
NoEffect = Annotated[Any, Field(description="accepted; has no effect on the answer")]


class StreamOptionsIn(In):
    """What a stream holds besides the answer."""

    include_usage: bool = Field(default=False, description="a last chunk with the token counts")
    include_obfuscation: NoEffect = None


class JsonSchemaIn(In):
    """A named JSON Schema."""

    name: Text | None = None
    description: NoEffect = None
    json_schema: Annotated[JsonObject, Field(alias="schema", description="of the answer; an unknown keyword is refused")]
    strict: NoEffect = None  # an answer always satisfies its schema


class ResponseFormatIn(In):
    """What kind of text the answer is."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchemaIn | None = None

    @model_validator(mode="after")
    def _schema_goes_with_its_type(self) -> "ResponseFormatIn":
        if (self.type == "json_schema") != (self.json_schema is not None):
            raise PydanticCustomError("response_format", "Should hold json_schema exactly when its type is json_schema")
        return self


class SamplingIn(In):
    """How answers are drawn."""

    temperature: Temperature | None = None
    top_p: TopP | None = None
    top_k: TopK | None = None
    min_p: MinP | None = None
    repetition_penalty: Repetition | None = None
    presence_penalty: Presence | None = None
    frequency_penalty: Frequency | None = None
    stop: Stop | None = None
    seed: Seed | None = None
    response_format: ResponseFormatIn | None = None
    choice: Choice | None = Field(default=None, description="the answer is exactly one of these texts")

    def grammar(self) -> Grammar | None:
        """What the answer must be. Raises Unprocessable when two things are asked at once."""
        format = self.response_format if self.response_format and self.response_format.type != "text" else None
        if self.choice is not None:
            if format is not None:
                raise Unprocessable("choice and response_format are both given; give one of them.", param="choice")
            return Grammar("choice", json.dumps(self.choice))
        if format is None:
            return None
        schema = format.json_schema.json_schema if format.json_schema else None
        return Grammar("json_object") if schema is None else Grammar("json_schema", json.dumps(schema))


# Of every request that makes a model work.
PriorityField = Annotated[
    Priority | None, Field(description="interactive unless told; batch gives way to what somebody waits for")
]


class OpenAiIn(SamplingIn):
    """What chat and completions have in common."""

    # Values of fields not supported yet that ask for nothing.
    neutral: ClassVar[dict[str, tuple[Any, ...]]] = {}

    model: ModelName
    n: Annotated[int, Field(ge=1, le=MOST_CHOICES, description="answers per prompt")] | None = None
    stream: bool | None = None
    stream_options: StreamOptionsIn | None = None
    logit_bias: LogitBias | None = None
    priority: PriorityField = None
    user: NoEffect = None

    def refuse_unsupported(self) -> None:
        """Raises InvalidRequest that names a field we cannot honour yet."""
        for name, neutral in self.neutral.items():
            value = getattr(self, name)
            if value is not None and value not in neutral:
                raise InvalidRequest(f"{name} is not supported yet; leave it out.", param=name)
        if self.stream_options is not None and not self.stream:
            raise Unprocessable(
                "stream_options goes with stream; set stream to true or leave stream_options out.", param="stream_options"
            )


# ---- Chat


class PartIn(In):
    """A part of a message's content; only text is supported."""

    type: Text
    text: Text | None = None
    image_url: NotYet = None
    input_audio: NotYet = None
    file: NotYet = None
    refusal: NotYet = None


class MessageIn(In):
    """One turn of a chat."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: (
        Annotated[
            Annotated[Text, Tag("text")] | Annotated[list[PartIn], Field(min_length=1), Tag("texts")],
            text_or_texts,
        ]
        | None
    ) = None
    name: NotYet = None
    refusal: NotYet = None
    audio: NotYet = None
    annotations: NotYet = None
    function_call: NotYet = None
    tool_calls: NotYet = None
    tool_call_id: NotYet = None

    def text(self, param: str) -> str:
        """The content as one text; `param` names the message. Raises InvalidRequest for what is not supported yet."""
        for name in ("name", "refusal", "audio", "annotations", "function_call", "tool_calls", "tool_call_id"):
            if getattr(self, name) not in (None, []):
                raise InvalidRequest(f"{param}.{name} is not supported yet; leave it out.", param=f"{param}.{name}")
        if self.role in ("tool", "function"):
            raise InvalidRequest(
                f"Messages of the role {self.role} are not supported yet; leave them out.", param=f"{param}.role"
            )
        if isinstance(self.content, str) or self.content is None:
            return self.content or ""
        for part in self.content:
            if part.type != "text" or part.text is None:
                raise InvalidRequest(
                    f"Content of the type {part.type!r} is not supported; send text.", param=f"{param}.content"
                )
        return "".join(part.text or "" for part in self.content)


class ChatIn(OpenAiIn):
    """`POST /v1/chat/completions`."""

    neutral: ClassVar[dict[str, tuple[Any, ...]]] = {
        "tools": ([],),
        "tool_choice": ("none", "auto"),
        "functions": ([],),
        "function_call": ("none", "auto"),
        "audio": (),
        "modalities": (["text"],),
        "moderation": (),
        "prediction": (),
        "prompt_cache_options": (),
        "reasoning_effort": ("none",),
        "service_tier": ("auto", "default"),
        "verbosity": ("medium",),
        "web_search_options": (),
    }

    messages: list[MessageIn] = Field(min_length=1)
    max_tokens: Count | None = None
    max_completion_tokens: Count | None = Field(default=None, description="none: until the model ends or its context is full")
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    tools: NotYet = None
    tool_choice: NotYet = None
    functions: NotYet = None
    function_call: NotYet = None
    audio: NotYet = None
    modalities: NotYet = None
    moderation: NotYet = None
    prediction: NotYet = None
    prompt_cache_options: NotYet = None
    reasoning_effort: NotYet = None
    service_tier: NotYet = None
    verbosity: NotYet = None
    web_search_options: NotYet = None
    metadata: NoEffect = None
    parallel_tool_calls: NoEffect = None
    prompt_cache_key: NoEffect = None
    prompt_cache_retention: NoEffect = None
    safety_identifier: NoEffect = None
    store: NoEffect = None


# ---- Completions


def _shape(value: object) -> str | None:
    """Which of the four shapes of a prompt was meant."""
    if isinstance(value, str):
        return "text"
    if not isinstance(value, list):
        return None
    first = value[0] if value else ""
    if isinstance(first, list):
        return "lists of tokens"
    return "tokens" if isinstance(first, int) else "texts"


PromptText = Annotated[Text, StringConstraints(min_length=1)]
PromptTokens = Annotated[list[TokenId], Field(min_length=1)]


class CompletionIn(OpenAiIn):
    """`POST /v1/completions`."""

    neutral: ClassVar[dict[str, tuple[Any, ...]]] = {
        "best_of": (1,),
        "suffix": ("",),
    }

    prompt: Annotated[
        Annotated[PromptText, Tag("text")]
        | Annotated[list[PromptText], Field(min_length=1), Tag("texts")]
        | Annotated[PromptTokens, Tag("tokens")]
        | Annotated[list[PromptTokens], Field(min_length=1), Tag("lists of tokens")],
        Discriminator(
            _shape,
            custom_error_type="prompt",
            custom_error_message="Input should be a text, a list of texts, a list of tokens or a list of lists of tokens",
        ),
    ]
    max_tokens: Annotated[int, Field(ge=0, lt=2**31)] | None = Field(
        default=None, description="16 unless told; 0 with echo only scores the prompt"
    )
    logprobs: Annotated[int, Field(ge=0, le=20, description="likeliest tokens at each place")] | None = None
    echo: bool | None = Field(default=None, description="the prompt comes before the answer")
    best_of: NotYet = None
    suffix: NotYet = None


# ---- Classification


class ExampleIn(In):
    """A labelled text that is shown in the prompt."""

    text: SomeText
    label: SomeText


Scoring = Literal["sum", "mean", "calibrated"]


class ClassifyIn(In):
    """`POST /v1/classify`: give `model` or `models`, and `labels` or `task`."""

    model: ModelName | None = None
    models: ModelNames | None = None
    input: Annotated[
        Annotated[SomeText, Tag("text")] | Annotated[list[SomeText], Field(min_length=1), Tag("texts")], text_or_texts
    ]
    labels: Labels | None = Field(default=None, description="all answers there are; with a task, some of the task's")
    task: TaskName | None = Field(
        default=None, description="brings labels and wording; a model trained for it sees its own prompt"
    )
    instruction: SomeText | None = Field(default=None, description="what a model is told that was not trained for the task")
    examples: list[ExampleIn] = Field(default_factory=list, description="shown to models that were not trained for the task")
    mode: Literal["score", "generate"] = Field(
        default="score", description="score: log-likelihood of each label; generate: an answer is sampled and read"
    )
    scoring: Scoring | None = Field(
        default=None,
        description="only with mode score, sum unless told. sum: log-likelihood of the whole label; mean: per token of it; "
        "calibrated: less what the same prompt gives it without a text. The last two suit a model that was not trained for "
        "the task",
    )
    probabilities: bool = Field(
        default=True,
        description="false, only with mode score: just the best label is wanted. It is found without computing the others, "
        "which is faster where labels are many, and bounds are told instead of probabilities",
    )
    temperature_scaling: bool = Field(
        default=True,
        description="false: probabilities as the model's log-likelihoods have them, not divided by the calibration temperature "
        "that was fitted on validation when the model was trained for the task. The best label is the same",
    )
    temperature: Temperature | None = Field(default=None, description="only with mode generate; 0 unless told")
    seed: Seed | None = Field(default=None, description="of mode generate; scoring draws nothing")
    max_tokens: Count | None = Field(default=None, description="only with mode generate; enough for any label unless told")
    priority: PriorityField = None


# ---- Extraction


class ExtractExampleIn(In):
    """A text and its fields, shown in the prompt."""

    text: SomeText
    data: Json


class ExtractIn(In):
    """`POST /v1/extract`: give `model` or `models`, and `schema` or a `task` that one of them was trained for."""

    model: ModelName | None = None
    models: ModelNames | None = None
    input: Annotated[
        Annotated[SomeText, Tag("text")] | Annotated[list[SomeText], Field(min_length=1), Tag("texts")], text_or_texts
    ]
    fields: JsonObject | None = Field(default=None, alias="schema", description="JSON Schema that every answer satisfies")
    task: TaskName | None = Field(
        default=None,
        description="brings the schema; a model trained for it sees its own prompt, others are told the names of the fields",
    )
    instruction: SomeText | None = Field(
        default=None, description="what a model that was not trained for the task is told before the text"
    )
    examples: list[ExtractExampleIn] = Field(default_factory=list)
    temperature: Temperature | None = Field(default=None, description="0 unless told")
    seed: Seed | None = None
    max_tokens: Count | None = Field(default=None, description="as much as the context has room for unless told")
    priority: PriorityField = None


# ---- Tokenizer


class TokenizeIn(In):
    """`POST /tokenize`: give `prompt`, or `messages` for the ids of a chat."""

    model: ModelName | None = Field(default=None, description="the default general model unless told")
    prompt: Text | None = None
    messages: Annotated[list[MessageIn], Field(min_length=1)] | None = None
    add_special_tokens: bool = False
    add_generation_prompt: Literal[True] = Field(default=True, description="with messages: up to where the answer begins")


class DetokenizeIn(In):
    """`POST /detokenize`."""

    model: ModelName | None = Field(default=None, description="the default general model unless told")
    tokens: list[TokenId]
