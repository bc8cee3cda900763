"""A step's plan: where its parts stand, who sees what, and which rows attend together."""

import torch

from app.engines.embedded.plan import ALIGN, SHARED, Company, Plan

CPU = torch.device("cpu")


def test_parts_of_a_step_begin_at_full_places_and_logits_are_found_where_told() -> None:
    plan = Plan()
    row = plan.add_row(9, 30, slot=2, place=3)
    chunk = plan.add_chunk([5, 6, 7], slot=1, place=0, before=0, keep=2)
    branch = plan.add_branch([8] * 5, [0, 1, 2, 3, 4], 1, 0, before=3, mask=torch.ones(5, 5, dtype=torch.bool).tril())
    later = plan.add_chunk([4] * 6, slot=1, place=1, before=32, keep=1)
    plan.close(CPU)

    assert [span.start % ALIGN for span in plan.spans] == [0, 0, 0]
    assert len(plan.ids) % ALIGN == len(plan.keep) % ALIGN == 0
    assert [plan.ids[place] for place in plan.keep[row : row + 1]] == [9]
    assert [plan.ids[place] for place in plan.keep[chunk : chunk + 2]] == [6, 7]
    assert [plan.positions[place] for place in plan.keep[branch : branch + 5]] == [3, 4, 5, 6, 7]
    assert plan.keep[later] == plan.spans[2].stop - 1
    assert plan.positions[plan.keep[later]] == 37
    assert plan.runs == [(4, 24, 1)]  # neighbours of one adapter are one product
    first, labels, behind = plan.span_masks
    assert first is None  # plain causal attention
    assert labels is not None
    assert labels.shape == (1, 1, 5, 8)
    assert behind is not None
    assert behind[0, 0, 2].tolist() == [True] * 35 + [False] * 3


def test_rows_at_neighbouring_places_with_texts_of_one_length_attend_together() -> None:
    plan = Plan(company=Company(fill=False, attend=True))
    for place, length in ((0, 3), (1, 30), (2, 31), (3, 62), (5, 40), (6, SHARED + 1), (7, SHARED + 1)):
        plan.add_row(0, length - 1, slot=0, place=place)
    plan.close(CPU)

    assert [(run.start, run.stop, run.place, run.seen) for run in plan.row_runs] == [
        (0, 2, 0, 30),
        (2, 4, 2, 62),
        (4, 5, 5, 62),
        (5, 6, 6, SHARED + 1),  # too long: they see what they have, alone
        (6, 7, 7, SHARED + 1),
    ]
    mask = plan.row_runs[0].mask
    assert mask is not None
    assert mask[:, 0, 0].isfinite().sum(-1).tolist() == [3, 30]
    assert len(plan.ids) == 7  # packed weights need no filling


def test_where_company_changes_bits_each_row_attends_alone_and_rows_are_filled_up() -> None:
    plan = Plan()
    for place in (0, 1):
        plan.add_row(0, 9, slot=0, place=place)
    plan.close(CPU)

    assert [(run.start, run.stop, run.seen, run.mask) for run in plan.row_runs] == [(0, 1, 10, None), (1, 2, 10, None)]
    assert len(plan.ids) == len(plan.keep) == ALIGN
