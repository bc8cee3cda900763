"""The language of a column: told where most texts agree, unknown where they do not."""

import pytest

from app.datasets.language import language_of

SENTENCES = {
    "cs": "Zaměstnanec si poranil ruku, když se snažil opravit stroj, který byl porouchaný.",
    "da": "Han blev ramt af en sten, og det gjorde meget ondt i hans hånd efter arbejdet.",
    "de": "Der Fahrer ist mit der Hand in die Maschine geraten und wurde nach Hause geschickt.",
    "el": "Ο εργάτης χτύπησε το χέρι του στο μηχάνημα.",
    "en": "The driver was hit on the hand by a rock that fell from the roof of the mine.",
    "es": "El conductor se golpeó la mano con una roca que cayó del techo de la mina.",
    "fr": "Le conducteur a été blessé à la main par une pierre qui est tombée dans la mine.",
    "he": "העובד נפצע בידו מהמכונה",
    "it": "Il conducente si è fatto male alla mano con una pietra che è caduta nel tunnel.",
    "ja": "運転手は機械で手を怪我しました。",
    "ko": "운전사가 기계에 손을 다쳤습니다.",
    "nl": "De chauffeur werd op zijn hand geraakt door een steen die van het dak van de mijn viel.",
    "pl": "Kierowca został uderzony w rękę przez kamień, który spadł na niego w kopalni, i nie może pracować.",
    "pt": "O motorista não conseguiu mover a mão, que foi atingida por uma pedra da mina.",
    "sv": "Jag är inte säker på att stenen är från taket, och det är ett problem för oss.",
    "th": "คนขับรถได้รับบาดเจ็บที่มือ",
    "tr": "Sürücü çok ağır bir taş ile elini yaraladı ve daha sonra hastaneye gitti.",
    "zh": "司机的手被石头砸伤了",
}


@pytest.mark.parametrize("language", SENTENCES)
def test_a_column_of_one_language_is_told(language: str) -> None:
    found = language_of([SENTENCES[language]] * 3)
    assert (found.language, found.sampled) == (language, 3)
    assert found.shares == {language: 1.0}


def test_a_mixed_column_is_unknown_and_its_shares_tell_why() -> None:
    found = language_of([SENTENCES["en"], SENTENCES["de"]] * 10)
    assert found.language == "unknown"
    assert found.shares == {"en": 0.5, "de": 0.5}


def test_codes_and_numbers_are_of_no_language() -> None:
    assert language_of(["GENHX", "4711", "A-17/b"]).language == "unknown"
    assert language_of([]).language == "unknown"


def test_a_few_texts_that_cannot_be_told_do_not_hide_the_language() -> None:
    found = language_of([SENTENCES["en"]] * 6 + ["XJ-900"] * 4)
    assert (found.language, found.shares) == ("en", {"en": 0.6, "unknown": 0.4})
