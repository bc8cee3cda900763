"""`python -m app.cli` is `versus`, also where the script is not on the path."""

from app.cli import main

main()
