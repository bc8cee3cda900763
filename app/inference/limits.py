"""The limits that settings name: a request over one is refused before any work."""

from collections.abc import Sequence

from app.errors import TooLarge
from app.settings import Settings


def check_prompt(prompt: str | Sequence[int], settings: Settings, param: str = "prompt") -> None:
    """Raises TooLarge. Ids are held to the same number: hardly a token is shorter than a character."""
    most = settings.max_prompt_chars
    if len(prompt) > most:
        what = "characters" if isinstance(prompt, str) else "tokens"
        raise TooLarge(
            f"{param} has {len(prompt)} {what} and at most {most} are allowed (VERSUS_MAX_PROMPT_CHARS); shorten it.",
            param=param,
        )


def check_inputs(count: int, settings: Settings, param: str) -> None:
    """`count` prompts or inputs, times answers each or models. Raises TooLarge."""
    if count > settings.max_inputs:
        raise TooLarge(
            f"The request asks for {count} answers and at most {settings.max_inputs} are allowed (VERSUS_MAX_INPUTS); "
            "split it into several.",
            param=param,
        )


def check_labels(labels: Sequence[str], settings: Settings) -> None:
    """Raises TooLarge."""
    if len(labels) > settings.max_labels:
        raise TooLarge(
            f"There are {len(labels)} labels and at most {settings.max_labels} are allowed (VERSUS_MAX_LABELS).", param="labels"
        )
