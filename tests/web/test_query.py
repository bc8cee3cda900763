"""A name in the query that a route does not have is an error, so that a misspelt filter never answers another question."""

import pytest

from tests.web.conftest import Start


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/v1/training-runs?limt=3", "The query has 'limt', which this route does not know. Did you mean 'limit'?"),
        ("/v1/training-runs?status=running", "The query has 'status', which this route does not know."),
        ("/v1/runs?task=%00", "task holds a NUL character"),
        ("/v1/aliases?x=1", "The query has 'x', which this route does not know. It knows none."),
    ],
)
def test_an_unknown_name_is_told(start: Start, path: str, says: str) -> None:
    answer = start().get(path)
    assert answer.status_code == 422
    assert says in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "path", ["/v1/training-runs?limit=3", "/v1/datasets?limit=2", "/v1/comparisons?limit=2", "/healthz?now=1"]
)
def test_known_names_are_taken(start: Start, path: str) -> None:
    assert start().get(path).status_code == 200
