"""The tokenizer of a model version: prompts to ids, ids to text, and what is refused before any work begins."""

import json
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any, cast

from jinja2 import TemplateError
from llguidance import LLTokenizer
from transformers import AutoConfig, AutoTokenizer

from app.catalog.catalog import ModelVersion
from app.catalog.prompts import Message
from app.engines.base import Prompt, TokenizerInfo
from app.engines.embedded.faults import told
from app.engines.embedded.scoring import LabelTree, plant
from app.engines.embedded.turns import listed_ends, render, settle
from app.errors import InvalidRequest, Unavailable

ROLES = ("system", "user", "assistant")
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")


class Codec:
    """Safe to use from several threads at once."""

    def __init__(self, model: ModelVersion, *, called: str | None = None) -> None:
        """Raises Unavailable, about what is `called` so, when the tokenizer's files cannot be used. An adapter without its own
        reads its base's."""
        self._model = called or model.id
        own = model.base is None or any((model.folder / name).is_file() for name in TOKENIZER_FILES)
        folder = model.folder if own or model.base is None else model.base.folder
        weights = model.base or model
        try:
            tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
            config: Any = AutoConfig.from_pretrained(weights.folder, local_files_only=True, trust_remote_code=False)
            self._backend: Any = tokenizer.backend_tokenizer
        # Whatever is wrong with the files, transformers raises it as one of many kinds.
        except Exception as error:
            raise Unavailable(f"The tokenizer of {self._model} cannot be loaded: {told(error, folder)}.") from error
        template = model.folder / "chat_template.jinja"
        if template.is_file():
            tokenizer.chat_template = template.read_text(encoding="utf-8")
        more = _more_ends(weights)
        settle(tokenizer, more)
        self._backend.no_padding()
        self._backend.no_truncation()
        self._tokenizer = tokenizer
        text = config.get_text_config()
        self.vocabulary: int = text.vocab_size
        # Gemma 3's text models name a token for images and have no weights for it.
        self._beyond = {text for text, number in tokenizer.get_vocab().items() if number >= self.vocabulary}
        if not self._beyond <= tokenizer.get_added_vocab().keys():
            raise Unavailable(
                f"The tokenizer of {self._model} has {len(tokenizer)} tokens and its weights know {self.vocabulary}; "
                "they do not belong together."
            )
        self.context: int = min(model.card.context, getattr(text, "max_position_embeddings", None) or model.card.context)
        self.end: int | None = tokenizer.eos_token_id
        self.ends = frozenset({self.end} if self.end is not None else ()) | more
        self.info = TokenizerInfo(tokenizer.bos_token, tokenizer.eos_token, tokenizer.pad_token, tokenizer.chat_template)
        self.token_text = lru_cache(maxsize=2**16)(lambda token: self.decode([token]))
        self.tree = lru_cache(maxsize=64)(self._tree)

    def encode(self, text: str, *, add_special_tokens: bool = False) -> list[int]:
        """Raises InvalidRequest for text that is no Unicode."""
        try:
            ids: list[int] = self._backend.encode(text, add_special_tokens=add_special_tokens).ids
        except (TypeError, UnicodeError) as error:
            raise InvalidRequest("The text holds half a character (a lone surrogate); send valid Unicode.") from error
        if self._beyond and max(ids, default=0) >= self.vocabulary:
            raise InvalidRequest(f"The text holds {' or '.join(sorted(self._beyond))}, for which {self._model} has no weights.")
        return ids

    def decode(self, ids: Sequence[int], *, skip_special_tokens: bool = False) -> str:
        """Bytes that are no character become U+FFFD."""
        text: str = self._backend.decode(ids, skip_special_tokens=skip_special_tokens)
        return text

    def check_ids(self, ids: Sequence[int], *, param: str = "prompt") -> list[int]:
        """Raises InvalidRequest that names the first id the model does not have."""
        for place, token in enumerate(ids):
            if not 0 <= token < self.vocabulary:
                raise InvalidRequest(
                    f"Token {place} is {token}, and {self._model} has the ids 0 to {self.vocabulary - 1}.", param=param
                )
        return [*ids]

    def prompt_ids(self, prompt: Prompt) -> list[int]:
        """At least one id. Raises InvalidRequest for what cannot be turned into a prompt."""
        if isinstance(prompt, str):
            ids = self.encode(prompt) if prompt else self._begin()
        elif prompt and isinstance(prompt[0], Mapping):
            ids = self.encode(self._rendered(cast(Sequence[Message], prompt)))
        else:
            ids = self.check_ids(cast(Sequence[int], prompt))
        if not ids:
            raise InvalidRequest("The prompt is empty; send at least one token or message.", param="prompt")
        return ids

    def _begin(self) -> list[int]:
        begin = self._tokenizer.bos_token_id
        if begin is None:
            raise InvalidRequest(
                f"The prompt is empty, and {self._model} has no token to begin a text with; send some text.", param="prompt"
            )
        return [begin]

    def _rendered(self, messages: Sequence[Message]) -> str:
        for message in messages:
            if message["role"] not in ROLES:
                raise InvalidRequest(f"The role {message['role']!r} is not one of {', '.join(ROLES)}.", param="messages")
        try:
            return render(self._tokenizer, messages)
        except (TemplateError, TypeError, ValueError) as error:
            raise InvalidRequest(
                f"The chat template of {self._model} refuses these messages: {error}", param="messages"
            ) from error

    @cached_property
    def grammar_tokenizer(self) -> LLTokenizer:
        """The tokenizer as llguidance knows it; made when first asked for. Raises InvalidRequest."""
        if self.end is None:
            raise InvalidRequest(
                f"{self._model} has no token that ends an answer, so no grammar can be followed.", param="model"
            )
        ends = [self.end, *sorted(self.ends - {self.end})]
        try:
            return LLTokenizer(self._table(), n_vocab=self.vocabulary, eos_token=ends)
        except ValueError as error:
            raise InvalidRequest(
                f"{self._model} has a tokenizer by which no grammar can be followed: {error}", param="model"
            ) from error

    def _table(self) -> str:
        """The tokenizer as JSON, without the tokens that have no weights."""
        table: str = self._backend.to_str()
        if not self._beyond:
            return table
        document = json.loads(table)
        document["added_tokens"] = [token for token in document["added_tokens"] if token["id"] < self.vocabulary]
        return json.dumps(document)

    def _tree(self, labels: tuple[str, ...]) -> LabelTree:
        """The labels' tokens, ready to be scored; raises InvalidRequest for labels that cannot be."""
        if not labels:
            raise InvalidRequest("There are no labels to choose from; send at least one.", param="labels")
        if len(set(labels)) < len(labels):
            twice = next(label for i, label in enumerate(labels) if label in labels[:i])
            raise InvalidRequest(f"The label {twice!r} occurs twice; send each once.", param="labels")
        if self.end is None:
            raise InvalidRequest(f"{self._model} has no token that ends an answer, so labels cannot be scored.", param="model")
        tokens = [self.encode(label) for label in labels]
        if not all(tokens):
            raise InvalidRequest(f"Label {tokens.index([])} is empty; give it a text.", param="labels")
        return plant(tokens, self.end)


def _more_ends(model: ModelVersion) -> frozenset[int]:
    """Tokens that the model's makers list as ends of a text beside the tokenizer's own."""
    try:
        return listed_ends(model.folder)
    except (OSError, ValueError, RecursionError) as error:
        raise Unavailable(f"generation_config.json of {model.id} cannot be read: {told(error, model.folder)}.") from error
