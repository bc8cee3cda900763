"""Made-up data in the layout that the general model is built from."""

import json
import random
from pathlib import Path

VOCABULARY = "river stone little walked garden morning under bright window letter found quiet yellow summer bridge carried"
WORDS = VOCABULARY.split()


def write_data(root: Path, *, paragraphs: int = 40) -> Path:
    """`root` with general_corpus/ and general_instructions/, a few kilobytes each; the exam of GSM8K is there as a trap."""
    rng = random.Random(0)

    def paragraph(words: int) -> str:
        return (" ".join(rng.choices(WORDS, k=words)) + ".").capitalize()

    corpus = root / "general_corpus"
    for folder, name in (("gutenberg", "smith-tales"), ("gutenberg", "jones-travels"), ("inaugural", "1801-Somebody")):
        (corpus / folder).mkdir(parents=True, exist_ok=True)
        text = "\n\n".join(paragraph(60).replace(" ", "\n", 1) for _ in range(paragraphs))
        (corpus / folder / f"{name}.txt").write_text(text)
    verse = "\n".join(paragraph(4) for _ in range(paragraphs))
    (corpus / "gutenberg" / "poet-verses.txt").write_text(f"{verse}\n\n{verse}")
    (corpus / "wikipedia_sentences.txt").write_text("\n".join(paragraph(12).lower() for _ in range(paragraphs)))

    tasks = root / "general_instructions"
    tasks.mkdir(parents=True)
    lines = [json.dumps({"text": f"### Human: Where is the {word}? ### Assistant: Near the river."}) for word in WORDS]
    (tasks / "dolly_open_qa.jsonl").write_text("\n".join(lines))
    (tasks / "gsm8k_train.jsonl").write_text(
        json.dumps({"question": "Two and three?", "answer": "It is 2+3=<<2+3=5>>5.\n#### 5"})
    )
    (tasks / "gsm8k_test.jsonl").write_text("this is no JSON: whoever reads it fails\n")
    case = {"instruction": "Repeat.", "input": "stone", "output": "stone"}
    (tasks / "rasbt_instruction_data.json").write_text(json.dumps([case, case | {"input": ""}]))
    for name in ("seed_tasks", "user_oriented_instructions"):
        row = {"instruction": "Name a colour.", "instances": [{"input": "", "output": "yellow"}, {"input": "", "output": ""}]}
        (tasks / f"{name}.jsonl").write_text(json.dumps(row))
    return root
