"""The tree at the end of the README, made from the first sentence of each file; `python -m tests.readme` writes it."""

import ast
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
BEGIN, END = "<!-- tree: python -m tests.readme writes it -->", "<!-- /tree -->"

# What has no sentence of its own to begin with.
OTHERS = {
    "alembic/": "migrations of the database, from empty",
    "app/benchmarks/report/*.html.jinja": "what pages share, their tables and pictures, a run's report, the model-risk pack",
    "app/benchmarks/tasks/": "the built-in tasks as TOML",
    "app/domains/claims_policy.md": "the written policy that decisions on claims follow",
    "app/web/templates/": "the service's pages",
    "docs/decisions/": "one page a decision",
    "models/general/": "the general model in the box: weights, tokenizer, chat template, card",
    "tests/": "as app/, and e2e/ through a real server, postgres/ on a real one, perf/ for make perf",
}


def tree() -> str:
    """One line a file, folders in order, files of a folder before its folders."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "app"], cwd=ROOT, check=True, capture_output=True)
    files = [ROOT / name for name in listed.stdout.decode().split() if name.endswith(".py") and (ROOT / name).exists()]
    told = {str(path.relative_to(ROOT)): sentence for path in files if (sentence := first_sentence(path))} | OTHERS
    places = sorted(told, key=lambda name: ([*Path(name).parts[:-1]], name.endswith("/"), name))
    width = max(map(len, places))
    return "\n".join(["```", *(f"{place:<{width}}  {told[place]}" for place in places), "```"])


def first_sentence(path: Path) -> str:
    """Of the file's docstring, without its full stop."""
    text = (ast.get_docstring(ast.parse(path.read_text())) or "").split("\n\n")[0].replace("\n", " ")
    return text.split(". ")[0].rstrip(".")


def written() -> str:
    """The tree as the README has it."""
    return README.read_text().split(BEGIN)[1].split(END)[0].strip()


def main() -> None:
    before, _, rest = README.read_text().partition(BEGIN)
    README.write_text(f"{before}{BEGIN}\n{tree()}\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()
