"""The one API: models, chat, completions, classification, tokenizer; every answer is logged."""
