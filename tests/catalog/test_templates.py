"""A prompt template: what it may do is done to the letter, and everything else is refused before it runs."""

import time

import pytest

from app.catalog.templates import FILTERS, MOST_SOURCE_CHARS, TemplateRefused, read_template
from app.errors import InvalidRequest

ASKED = """\
{{ instruction }}
{% for label in labels %}
- {{ label|upper }}{% if not loop.last %};{% endif %}

{% endfor %}
{% for example in examples %}
Note: {{ example.text }} => {{ example.answer }}
{% else %}
(no examples)
{% endfor %}
Note: {{ text }} =>"""


def test_a_template_shows_labels_examples_and_the_text() -> None:
    template = read_template(ASKED)
    assert template.names == {"instruction", "labels", "examples", "text"}
    asked = template.render("a pipe burst", instruction="Which?", labels=["water", "fire"], examples=[("smoke", "fire")])
    assert asked == "Which?\n- WATER;\n- FIRE\nNote: smoke => fire\nNote: a pipe burst =>"
    assert "(no examples)" in template.render("a", labels=["water"])


def test_a_text_that_looks_like_a_template_is_only_text() -> None:
    assert read_template("{{ text }}!").render("{{ labels }} <b> {% for x in y %}") == "{{ labels }} <b> {% for x in y %}!"


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("{{ text.__class__ }}", "line 1: attributes may not be read"),
        ("{% for e in examples %}{{ e.text.__init__ }}{% endfor %}{{ text }}", "attributes may not be read"),
        ("{{ text['x'] }}", r"\[\.\.\] is not allowed"),
        ("{{ text|attr('upper') }}", "the filter 'attr' is not allowed"),
        ("{{ text }}\n{% for i in range(1000000000) %}x{% endfor %}", "line 2: a loop goes over labels, fields, examples"),
        ("{% for a in labels %}{% for b in labels %}x{% endfor %}{% endfor %}{{ text }}", "not stand within another"),
        ("{% for a in examples recursive %}x{% endfor %}{{ text }}", "a loop takes no condition"),
        ("{{ text * 1000000000 }}", "mul is not allowed"),
        ("{{ 9 ** 9 ** 9 }}{{ text }}", "pow is not allowed"),
        ("{% set a = text %}{{ text }}", "set is not allowed"),
        ("{% macro a() %}{{ a() }}{% endmacro %}{{ text }}", "a macro is not allowed"),
        ("{{ cycler }}{{ text }}", "there is no 'cycler'"),
        ("{{ text.upper() }}", "a call is not allowed"),
        ("{% include 'passwords' %}{{ text }}", "include is not allowed"),
        ("{{ labels|join(text)|join(text) }}{{ text }}", "a filter stands after a name"),
        ("{{ text|join('-') }}", "join is for labels and fields"),
        ("{% for a in labels %}{{ text|upper }}{% endfor %}{{ text }}", "within a loop, 'text' takes no filter"),
        ("{% if 'a' in text %}{% endif %}{{ text }}", "only ==, !="),
        ("{% for e in examples %}{{ e }}{% endfor %}{{ text }}", "say which part of 'e' is meant: text, answer"),
        ("{% for text in labels %}{{ text }}{% endfor %}", "'text' is taken"),
        ("{{ instruction }}", "never shows"),
        ("{{ text", "line 1: unexpected end of template"),
        ("{% if text %}" * 150 + "{% endif %}" * 150 + "{{ text }}", "nest too deep"),
        ("{{ text }}" + "x" * MOST_SOURCE_CHARS, "at most 8,000"),
    ],
)
def test_what_a_template_may_not_do_is_told_and_never_run(source: str, told: str) -> None:
    with pytest.raises(TemplateRefused, match=told):
        read_template(source)


def test_the_costliest_template_that_is_taken_ends_soon_and_its_prompt_is_bounded() -> None:
    body = "{% if text == instruction %}{% endif %}" * ((MOST_SOURCE_CHARS - 60) // 39)
    template = read_template("{% for label in labels %}" + body + "{% endfor %}{{ text }}")
    started = time.perf_counter()
    template.render("a" * 20_000, instruction="b" * 20_000, labels=["x"] * 1_000)
    assert time.perf_counter() - started < 5
    with pytest.raises(InvalidRequest, match="more than 400,000 characters"):
        read_template("{% for label in labels %}{{ text }}{% endfor %}").render("a" * 20_000, labels=["x"] * 1_000)


def test_text_that_is_compared_with_a_number_is_the_templates_fault() -> None:
    with pytest.raises(InvalidRequest, match="cannot be made"):
        read_template("{% if text < 3 %}{% endif %}{{ text }}").render("a")


@pytest.mark.parametrize("name", FILTERS)
def test_every_filter_that_is_promised_works(name: str) -> None:
    assert read_template("{{ labels|" + name + " }}{{ text }}" if name in ("join", "length") else "{{ text|" + name + " }}")
