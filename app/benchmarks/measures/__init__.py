"""What is measured of answers beyond their labels (app.benchmarks.scorers): plain functions, without input or output.

calibration.py  are probabilities what they say: adaptive calibration error, Brier score, reliability diagram
coverage.py     how right an arm is where it is sure: the risk-coverage curve and its area
variation.py    how much of right and wrong comes from asking again, and how much from the wording; pass^k
slices.py       accuracy by column of the data, and where two arms differ
text.py         exact match, token F1, ROUGE, length, key facts
fields.py       extraction: right, wrong, missing and invented fields
bits.py         bits per byte, so that models with different tokenizers compare
refusals.py     harmless requests refused, forbidden ones answered
"""
