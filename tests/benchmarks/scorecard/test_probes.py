"""The texts, words and probes that both models are asked about."""

from app.benchmarks.scorecard import jargon, texts
from app.benchmarks.scorecard.generality import questions
from app.benchmarks.tasks import built_in
from app.domains.claims_questions import KINDS
from app.domains.hold_out import is_held_out

DOMAIN = [f"File {n}. The insured told us that the roof leaked, and the deductible of the policy is {n}." for n in range(30)]
EVERYDAY = [f"The roof of house number {n} is red, and the garden behind it is full of apples." for n in range(30)]


def test_words_of_the_domain_are_those_that_are_rare_elsewhere() -> None:
    words = jargon.terms(DOMAIN, EVERYDAY, 10)
    assert {"deductible", "policy", "insured"} <= set(words)
    assert "roof" not in words


def test_a_mined_probe_ends_before_its_word_and_begins_with_a_whole_one() -> None:
    (probe,) = jargon.mined(DOMAIN, ["deductible"], seed=0)
    assert probe.after == " deductible"
    assert probe.text in "\n".join(DOMAIN)
    assert jargon.mined(DOMAIN, ["deductible"], seed=0) == [probe]
    assert jargon.mined(DOMAIN, ["file"], seed=0) == []  # nothing stands before it
    long = [f"{'word ' * 200}says that the deductible is paid"]
    assert len(jargon.mined(long, ["deductible"], seed=0)[0].before) <= jargon.LONGEST_BEFORE


def test_written_probes_are_found_by_the_domain_of_a_task() -> None:
    assert jargon.probe_set_of("claims-type") == "claims"
    assert jargon.probe_set_of("tickets") is None
    for _, probes in jargon.written().values():
        assert len(probes) >= 20
        assert len({probe.text for probe in probes}) == len(probes)
        assert all(probe.before == probe.before.rstrip() and probe.after[0] in " -" for probe in probes)
    medical = [probe.text for probe in jargon.written()["medical"][1]]
    assert "BP dropped after ACE inhibitor" in medical


def test_texts_are_cut_at_words_each_once_and_the_same_for_a_seed() -> None:
    assert texts.cut("one two  three", 8) == "one two"
    assert texts.cut("one\n two", 8) == "one two"
    sampled = texts.sample([*DOMAIN, DOMAIN[0], "too short"], 20, seed=3)
    assert sampled == texts.sample([*reversed(DOMAIN), DOMAIN[0], "too short"], 20, seed=3)
    assert len(set(sampled)) == 20
    passages = texts.general_passages()
    assert len(set(passages)) == 40
    assert all(len(passage) <= texts.LONGEST for passage in passages)


def test_general_tasks_hold_all_unseen_kinds_and_no_claims() -> None:
    asked = questions(0, "test", 3)
    kinds = {one.kind for one in asked}
    assert not kinds & KINDS.keys()
    assert sum(map(is_held_out, kinds)) >= 5
    assert len(asked) == 3 * len(kinds)
    assert asked == questions(0, "test", 3)
    assert {one.example for one in asked}.isdisjoint(one.example for one in questions(0, "validation", 3))


def test_the_house_rules_are_a_task_whose_labels_can_refuse() -> None:
    assert "refuse" in built_in()["house-rules"].labels
