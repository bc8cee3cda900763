"""Which labels a model chooses from and how a text is put to it, from what a request names."""

from collections.abc import Sequence
from dataclasses import replace

from app.catalog.cards import TrainedTask
from app.catalog.catalog import ModelVersion
from app.catalog.prompts import DEFAULT_INSTRUCTION, classification_prompt, trained_prompt
from app.catalog.templates import PromptTemplate
from app.errors import InvalidRequest, NotFound, Unprocessable
from app.inference.labels import Question
from app.inference.limits import check_labels
from app.inference.schemas import ClassifyIn
from app.inference.serving import Serving
from app.inference.trained import require_kind


async def question_for(model: ModelVersion, body: ClassifyIn, serving: Serving) -> Question:
    """A model trained for the task sees the prompt of its training, every other one instruction, labels and examples.

    With a task, given `labels` must be some of the task's, in any order. Examples and an instruction cannot be shown to a model
    that was trained without them: InvalidRequest. Raises NotFound for an unknown task, InvalidRequest for one that was
    trained without labels.
    """
    # A user's task may be named with its version; what a model was trained for has none.
    trained = model.card.task(body.task.partition("@")[0]) if body.task else None
    if trained is not None:
        require_kind(model, trained, "classification")
        for name, given in (("examples", body.examples), ("instruction", body.instruction)):
            if given:
                raise InvalidRequest(
                    f"{model.id} was trained for {trained.name!r} and sees no {name}; leave {name} out, or give labels "
                    "without a task.",
                    param=name,
                )
        question = trained_question(trained, _checked(_chosen(body.labels, trained.labels, trained.name), body, serving))
        return question if body.temperature_scaling else replace(question, temperature=None)
    instruction, template = body.instruction, None
    labels = tuple(body.labels or ())
    if body.task is not None:
        known = await serving.tasks.prompt_for(body.task)
        if known is None:
            raise NotFound(
                f"There is no task named {body.task!r}, and {model.id} was not trained for one of that name. "
                "GET /v1/benchmarks lists all; or give labels.",
                param="task",
            )
        if not known.labels:
            raise InvalidRequest(
                f"The task {known.name!r} is of the kind {known.kind} and has no labels to choose from; ask "
                f"{'/v1/extract' if known.kind == 'extraction' else '/v1/chat/completions'}, or give labels without a task.",
                param="task",
            )
        instruction, template = instruction or known.instruction, known.template
        for name, given in (("examples", body.examples), ("instruction", body.instruction)):
            if given and template is not None and name not in template.names:
                raise InvalidRequest(
                    f"The prompt of the task {known.name!r} shows no {name}; leave {name} out, or give labels without a task.",
                    param=name,
                )
        labels = _chosen(body.labels, known.labels, known.name)
    labels = _checked(labels, body, serving)
    examples = [(example.text, example.label) for example in body.examples]
    return open_question(labels, instruction or DEFAULT_INSTRUCTION, examples, template)


def trained_question(task: TrainedTask, labels: tuple[str, ...]) -> Question:
    """For a model that was trained for `task`, to choose from `labels` of it."""
    return Question(labels, tuple(map(task.answer, labels)), lambda text: trained_prompt(text, task), task.temperature)


def open_question(
    labels: tuple[str, ...],
    instruction: str,
    examples: Sequence[tuple[str, str]] = (),
    template: PromptTemplate | None = None,
) -> Question:
    """For every other model; `examples` are (text, label)."""
    if template is not None:
        return Question(
            labels,
            labels,
            lambda text: template.render(text, instruction=instruction, labels=labels, examples=examples),
        )
    return Question(
        labels, labels, lambda text: classification_prompt(text, labels, instruction=instruction, examples=examples)
    )


def _chosen(given: Sequence[str] | None, known: Sequence[str], task: str) -> tuple[str, ...]:
    if given is None:
        return tuple(known)
    if strangers := [label for label in given if label not in known]:
        raise InvalidRequest(
            f"{strangers[0]!r} is not a label of the task {task!r}, whose labels are {', '.join(known)}; give some of those, "
            "or labels without a task.",
            param="labels",
        )
    return tuple(given)


def _checked(labels: tuple[str, ...], body: ClassifyIn, serving: Serving) -> tuple[str, ...]:
    check_labels(labels, serving.settings)
    for example in body.examples:
        if example.label not in labels:
            raise Unprocessable(f"An example has the label {example.label!r}, which is none of the labels.", param="examples")
    return labels
