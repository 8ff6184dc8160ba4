"""A severity is one word, whoever rated it."""

import pytest

from herdbook.trust.severities import base_score, severity_of_vector, severity_word, worst


@pytest.mark.parametrize(
    ("vector", "score", "word"),
    [
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8, "critical"),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", 10.0, "critical"),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H", 7.5, "high"),
        ("CVSS:3.0/AV:N/AC:L/PR:L/UI:R/S:C/C:L/I:L/A:N", 5.4, "medium"),
        ("CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:L/I:N/A:N", 3.3, "low"),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", 0.0, ""),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N", None, ""),
        ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", None, ""),
        ("AV:N/AC:L/Au:N/C:P/I:P/A:P", None, ""),
        ("9.8", None, ""),
    ],
)
def test_a_vector_has_the_score_the_specification_gives_it(
    vector: str, score: float | None, word: str
) -> None:
    assert base_score(vector) == score
    assert severity_of_vector(vector) == word


def test_publishers_words_become_ours_and_unknown_ones_none() -> None:
    words = ["MODERATE", "low**", "High", "not yet assigned", "unimportant", ""]
    assert [severity_word(each) for each in words] == ["medium", "low", "high", "", "", ""]
    assert worst(["low", "", "critical", "medium"]) == "critical"
    assert worst([]) == ""
