"""How the turns of a chat become a text: where a template is missing or knows no system turn, and what ends an answer."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from jinja2 import TemplateError
from transformers import AutoTokenizer, GenerationConfig

from app.catalog.prompts import Message

# For a tokenizer that has none: what was said, paragraph by paragraph; the answer begins on a line of its own.
PLAIN_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{{ message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}{{ '\\n' if loop.last else '\\n\\n' }}{% endfor %}"
)
SAID = "said"


def read_tokenizer(folder: Path) -> Any:
    """The tokenizer of the model in `folder`, settled. Raises OSError or ValueError for files that cannot be read."""
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    settle(tokenizer, listed_ends(folder))
    return tokenizer


def settle(tokenizer: Any, ends: Collection[int]) -> None:
    """Give a tokenizer a chat template where it has none, and as its end of text the token that ends an answer in its template,
    if the model stops at it: Gemma's turns end with another token than its texts."""
    if not tokenizer.chat_template:
        tokenizer.chat_template = PLAIN_TEMPLATE
        return
    turns = [Message(role="user", content="?"), Message(role="assistant", content=SAID)]
    try:
        text: str = tokenizer.apply_chat_template(turns, tokenize=False)
    except (TemplateError, TypeError, ValueError):
        return  # a template of another kind, of which each request will tell
    behind = text.rpartition(SAID)[2].lstrip()
    found = next((token for token in tokenizer.convert_ids_to_tokens(sorted(ends)) if token and behind.startswith(token)), None)
    if found is not None:
        tokenizer.eos_token = found


def listed_ends(folder: Path) -> frozenset[int]:
    """Tokens that the model's makers list as ends of a text. Raises OSError or ValueError."""
    if not (folder / "generation_config.json").is_file():
        return frozenset()
    listed = GenerationConfig.from_pretrained(folder, local_files_only=True).eos_token_id
    return frozenset(listed if isinstance(listed, list) else [] if listed is None else [listed])


def render(tokenizer: Any, messages: Sequence[Message]) -> str:
    """The prompt that asks for the next turn. A system turn that the template refuses, or leaves out, is put before what the
    user says first, as the makers of such models advise. Raises what the template raises."""
    system = messages[0]["content"].strip() if messages and messages[0]["role"] == "system" else ""
    try:
        text = _applied(tokenizer, messages)
    except TemplateError:
        if not system or len(messages) < 2:
            raise
        return _applied(tokenizer, _folded(messages))
    return text if system in text or len(messages) < 2 else _applied(tokenizer, _folded(messages))


def _applied(tokenizer: Any, messages: Sequence[Message]) -> str:
    text: str = tokenizer.apply_chat_template([*messages], tokenize=False, add_generation_prompt=True)
    return text


def _folded(messages: Sequence[Message]) -> list[Message]:
    system, first, *rest = messages
    return [Message(role=first["role"], content=f"{system['content']}\n\n{first['content']}"), *rest]
