"""What is measured of answers beyond their labels: probabilities, texts, fields, refusals; plain functions, no input or output.

calibration.py  are probabilities what they say: adaptive ECE, Brier, reliability diagram
coverage.py     how right an arm is where it is sure: the risk-coverage curve and its area
consistency is a file of the package above, as are labels (scorers.py)
variation.py    how much of right and wrong comes from asking again, and from the wording
slices.py       accuracy by column of the data, and where two arms differ
text.py         exact match, token F1, ROUGE, length, key facts
fields.py       extraction: right, wrong, missing and invented fields
bits.py         bits per byte, so that models with different tokenizers compare
refusals.py     what was refused and should not have been, and the other way round
"""
