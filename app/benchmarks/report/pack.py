"""The model-risk pack of a run: its chapters as one HTML page, and as Markdown."""

from app.benchmarks.curve.written import plain
from app.benchmarks.report.chapters import BULLETIN, Blank, Chapter, Drawn, Part, chapters
from app.benchmarks.report.facts import Facts
from app.benchmarks.report.grids import Grid
from app.benchmarks.report.markdown import grid_lines
from app.benchmarks.report.page import environment, figures, source
from app.benchmarks.summary import Summary


def to_pack(summary: Summary, facts: Facts | None = None) -> str:
    """One page, with the report's pictures."""
    facts = facts or Facts()
    found = chapters(summary, facts)
    return (
        environment()
        .get_template("pack.html.jinja")
        .render(
            summary=summary,
            source=source(facts),
            note=note(found),
            chapters=[(chapter, [(_kind(part), part) for part in chapter.parts]) for chapter in found],
            figures=figures(summary, facts),
        )
    )


def to_pack_markdown(summary: Summary, facts: Facts | None = None) -> str:
    """Without the pictures."""
    facts = facts or Facts()
    found = chapters(summary, facts)
    lines = [f"# Model-risk pack: {plain(summary['task'])}", "", plain(source(facts)), "", plain(note(found))]
    for number, chapter in enumerate(found, start=1):
        lines += ["", f"## {number}. {chapter.title}", "", f"*{plain(chapter.heading)}*"]
        for part in chapter.parts:
            lines += _markdown(part)
    return "\n".join(lines) + "\n"


def note(found: list[Chapter]) -> str:
    return (
        f'Chapters follow the headings of the {BULLETIN}. {blanks(found)} places are marked "To be written": a person must '
        "fill them. A state's own bulletin may ask for more; this is no legal advice."
    )


def blanks(found: list[Chapter]) -> int:
    return sum(isinstance(part, Blank) for chapter in found for part in chapter.parts)


def _kind(part: Part) -> str:
    return "list" if isinstance(part, tuple) else "text" if isinstance(part, str) else type(part).__name__.lower()


def _markdown(part: Part) -> list[str]:
    match part:
        case Grid():
            return grid_lines(part, "###")
        case Blank():
            return ["", f"> **To be written:** {plain(part.ask)}"]
        case Drawn():
            return []
        case str():
            return ["", plain(part)]
        case _:
            return ["", *(f"- {plain(sentence)}" for sentence in part)]
