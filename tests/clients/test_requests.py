"""What someone with nothing but an HTTP client sees: every form of body and answer, errors, health, listings."""

import gzip
import io
import json

import numpy as np
import pytest
import requests

FLOWER = [5.1, 3.5, 1.4, 0.2]
FLOWERS = [FLOWER, [6.7, 3.0, 5.2, 2.3]]
FEATURES = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
SPECIES = ["setosa", "versicolor", "virginica"]
LABELS = {"iris": SPECIES, "digits": [str(digit) for digit in range(10)]}


def numbers(outputs, model):
    """Outputs with labels turned back into the numbers they stand for: indices, and scores in the order of labels."""

    def plain(value):
        match value:
            case list():
                return [plain(item) for item in value]
            case dict():
                assert list(value) == LABELS[model]
                return list(value.values())
            case str():
                return LABELS[model].index(value)
            case _:
                return value

    return {name: plain(value) for name, value in outputs.items()}


@pytest.fixture(scope="module")
def http():
    with requests.Session() as session:
        yield session


@pytest.fixture
def predict(http, url):
    """Posts to /predict and returns the decoded answer, which must be a good one."""

    def post(path="", **request):
        response = http.post(f"{url}/predict{path}", timeout=30, **request)
        assert response.status_code == 200, response.text
        assert response.headers["content-type"].startswith("application/json")
        return response.json()

    return post


@pytest.fixture
def refused(http, url):
    """Posts to /predict and returns the problem document, which must be one."""

    def post(path="", *, status=400, **request):
        response = http.post(f"{url}/predict{path}", timeout=30, **request)
        assert response.status_code == status, response.text
        assert response.headers["content-type"].startswith("application/problem+json")
        problem = response.json()
        assert problem["status"] == status
        assert {"type", "title", "code", "detail"} <= problem.keys()
        return problem

    return post


# --- forms of body ---------------------------------------------------------------------------------------------------


def test_named_inputs(predict, case):
    answer = predict(
        f"/{case.model}/{case.version}", json={"inputs": {name: array.tolist() for name, array in case.inputs.items()}}
    )
    assert (answer["model"], str(answer["version"])) == (case.model, case.version)
    case.check(numbers(answer["outputs"], case.model))


def test_the_only_input_needs_no_name(predict, case):
    [array] = case.inputs.values()
    answer = predict(f"/{case.model}/{case.version}", json={"inputs": array.tolist()})
    case.check(numbers(answer["outputs"], case.model))


def test_octet_stream(predict, case):
    [array] = case.inputs.values()
    headers = {"content-type": "application/octet-stream"}
    answer = predict(f"/{case.model}/{case.version}", data=array.tobytes(), headers=headers)
    case.check(numbers(answer["outputs"], case.model))


def test_npy(predict, case):
    [array] = case.inputs.values()
    headers = {"content-type": "application/x-npy"}
    answer = predict(f"/{case.model}/{case.version}", data=as_npy(array), headers=headers)
    case.check(numbers(answer["outputs"], case.model))


@pytest.mark.parametrize(
    "body",
    [{"instances": FLOWERS}, FLOWERS, [dict(zip(FEATURES, row)) for row in FLOWERS]],
    ids=["instances", "rows", "records"],
)
def test_rows_are_answered_row_by_row_with_labels(predict, body):
    answer = predict(json=body)
    assert answer["model"] == "iris"
    first, second = answer["predictions"]
    assert (first["label"], second["label"]) == ("setosa", "virginica")
    for row in (first, second):
        assert list(row["probabilities"]) == SPECIES
        assert sum(row["probabilities"].values()) == pytest.approx(1, abs=1e-4)
        assert max(row["probabilities"], key=row["probabilities"].get) == row["label"]


def test_records_may_have_their_features_in_any_order(predict):
    backwards = [dict(reversed(list(zip(FEATURES, row)))) for row in FLOWERS]
    assert predict(json=backwards)["predictions"] == predict(json=FLOWERS)["predictions"]


def test_one_row_is_answered_as_one(predict):
    outputs = predict(json={"inputs": FLOWER})["outputs"]
    assert outputs["label"] == "setosa"
    batch = predict(json={"inputs": [FLOWER]})["outputs"]
    assert batch == {"label": ["setosa"], "probabilities": [outputs["probabilities"]]}
    for alone in (FLOWER, dict(zip(FEATURES, FLOWER))):
        assert predict(json=alone)["prediction"] == outputs


def test_the_newest_version_answers_when_none_is_named(predict):
    assert str(predict("/iris", json=[FLOWER])["version"]) == "2"
    assert str(predict("/iris/1", json=[FLOWER])["version"]) == "1"


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", '"NaN"', '"Infinity"', '"-Infinity"'])
def test_numbers_that_are_not_finite_are_taken_and_answered_as_null(predict, value):
    body = f'{{"inputs": [[{value}, 2, 27.2, 107, 158, 102, 39, 4, 4.4, 93]]}}'
    answer = predict("/diabetes", data=body, headers={"content-type": "application/json"})
    assert answer["outputs"]["progression"] == [[None]]


def test_gzip_both_ways(http, url):
    body = json.dumps({"inputs": [FLOWER] * 500}).encode()
    packed = {"content-type": "application/json", "content-encoding": "gzip", "accept-encoding": "gzip"}
    response = http.post(f"{url}/predict", data=gzip.compress(body), headers=packed, timeout=30)
    assert response.status_code == 200, response.text
    assert response.headers["content-encoding"] == "gzip"
    plain = {"content-type": "application/json", "accept-encoding": "identity"}
    unpacked = http.post(f"{url}/predict", data=body, headers=plain, timeout=30)
    assert "content-encoding" not in unpacked.headers
    assert response.json()["outputs"] == unpacked.json()["outputs"]


def test_headers_say_who_answered(http, url):
    response = http.post(f"{url}/predict/iris", json=[FLOWER], headers={"x-request-id": "it-is-me"}, timeout=30)
    assert response.headers["x-request-id"] == "it-is-me"
    assert response.headers["x-model-version"] == "2"
    assert response.headers["x-model-digest"]
    assert {entry.split(";")[0].strip() for entry in response.headers["server-timing"].split(",")} == {
        "queue",
        "compute",
        "total",
    }
    assert http.post(f"{url}/predict/iris", json=[FLOWER], timeout=30).headers["x-request-id"]


# --- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ('{"inputs": {"measurements": [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0]]}}', "/inputs/measurements/1"),
        ('{"inputs": {"measurements": [[5.1, "x", 1.4, 0.2]]}}', "/inputs/measurements/0/1"),
        ('{"inputs": {"measurements": [[5.1, null, 1.4, 0.2]]}}', "/inputs/measurements/0/1"),
        ('{"inputs": {"measurements": [[5.1, 3.5, 1.4]]}}', "/inputs/measurements"),
        ('{"inputs": {"petals": [[5.1, 3.5, 1.4, 0.2]]}}', "/inputs/petals"),
        ('{"inputs": [[5.1, 3.5, 1.4]]}', "/inputs"),
        ('{"instances": [[5.1, 3.5, 1.4, 0.2], [6.7]]}', "/instances/1"),
        ('{"instances": [[1e999, 3.5, 1.4, 0.2]]}', "/instances/0/0"),
    ],
)
def test_a_problem_points_at_the_value(refused, http, url, body, pointer):
    problem = refused(data=body, headers={"content-type": "application/json"})
    assert problem["pointer"] == pointer
    assert problem["expected"] and problem["got"]
    again = http.post(f"{url}/predict", json=problem["example"], timeout=30)
    assert again.status_code == 200, "the example of a problem must work"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[[5.1, 3.5, 1.4, 0.2]",
        b"[[5.1, 3.5, 1.4, 0.2]] and more",
        b'{"inputs": [["\xff\xfe"]]}',
        b"true",
        b'"text"',
        b"{}",
        b"[]",
        b'{"rows": []}',
        b'{"instances": 5}',
        b'{"inputs": [[5.1, 3.5, 1.4, 0.2]], "instances": [[5.1, 3.5, 1.4, 0.2]]}',
        b'[{"sepal_length": 5.1}]',
        b'[{"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2, "colour": 1}]',
        b"[" * 100_000,
    ],
    ids=lambda body: repr(body[:32]),
)
def test_nonsense_is_refused(refused, body):
    refused(data=body, headers={"content-type": "application/json"})


def test_binary_bodies_of_a_wrong_size_are_refused(refused):
    refused("/iris", data=b"\0" * 15, headers={"content-type": "application/octet-stream"})
    whole = as_npy(np.zeros((2, 4), np.float32))
    refused("/iris", data=whole[:-1], headers={"content-type": "application/x-npy"})
    refused("/iris", data=b"not npy at all", headers={"content-type": "application/x-npy"})


def test_status_codes(refused, http, url):
    assert refused("/nobody", status=404, json=[FLOWER])["code"] == "unknown_model"
    assert refused("/iris/9", status=404, json=[FLOWER])["code"] == "unknown_version"
    refused(status=415, data=b"a,b", headers={"content-type": "text/csv"})
    assert http.get(f"{url}/predict", timeout=30).status_code == 405
    assert http.get(f"{url}/nothing/here", timeout=30).status_code == 404


# --- beside predictions ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["/health", "/health/live", "/health/ready", "/health/startup", "/livez", "/readyz", "/healthz"]
    + ["/v2/health/live", "/v2/health/ready"],
)
def test_health(http, url, path):
    assert http.get(f"{url}{path}", timeout=30).status_code == 200


@pytest.mark.parametrize("path", ["/models", "/v2/models"])
def test_listing(http, url, path):
    models = {model["name"]: model for model in http.get(f"{url}{path}", timeout=30).json()["models"]}
    assert {"iris", "digits", "diabetes"} <= models.keys()
    assert [version["version"] for version in models["iris"]["versions"]] == ["2", "1"]
    for model in models.values():
        for version in model["versions"]:
            assert version["state"] == "ready"
            assert version["digest"] and version["inputs"] and version["outputs"]
            if example := version.get("example"):
                answer = http.post(f"{url}{example['path']}", json=example["body"], timeout=30)
                assert answer.status_code == 200, answer.text


def test_metrics(http, url, predict):
    predict("/iris/1", json=[FLOWER])
    response = http.get(f"{url}/metrics", timeout=30)
    assert response.headers["content-type"].startswith("text/plain")
    lines = response.text.splitlines()
    buckets = [line for line in lines if line.startswith("onnxd_request_duration_seconds_bucket")]
    assert any('model="iris"' in line and 'version="1"' in line for line in buckets)
    for name in ("onnxd_compute_duration_seconds", "onnxd_queue_duration_seconds", "onnxd_build_info", "process_"):
        assert any(line.startswith(name) for line in lines), name


# --- Open Inference Protocol, by hand --------------------------------------------------------------------------------


def test_oip_json(http, url, case):
    body = {
        "id": "42",
        "inputs": [
            {"name": name, "datatype": "FP32", "shape": array.shape, "data": array.ravel().tolist()}
            for name, array in case.inputs.items()
        ],
    }
    response = http.post(f"{url}/v2/models/{case.model}/versions/{case.version}/infer", json=body, timeout=30)
    assert response.status_code == 200, response.text
    answer = response.json()
    assert (answer["model_name"], answer["model_version"], answer["id"]) == (case.model, case.version, "42")
    case.check({output["name"]: np.reshape(output["data"], output["shape"]) for output in answer["outputs"]})


def test_oip_raw_binary(http, url):
    headers = {"content-type": "application/octet-stream", "inference-header-content-length": "0"}
    body = np.array([FLOWER], np.float32).tobytes()
    response = http.post(f"{url}/v2/models/iris/infer", data=body, headers=headers, timeout=30)
    assert response.status_code == 200, response.text
    length = int(response.headers["inference-header-content-length"])
    label, probabilities = json.loads(response.content[:length])["outputs"]
    rest = response.content[length:]
    size = label["parameters"]["binary_data_size"]
    assert np.frombuffer(rest[:size], np.int64).tolist() == [0]
    assert len(rest) - size == probabilities["parameters"]["binary_data_size"] == 12


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("iris", b"{", 400),
        ("iris", b"{}", 400),
        ("iris", b'{"inputs": []}', 400),
        ("iris", b'{"inputs": [{"name": "measurements", "datatype": "FP32", "shape": [1, 4], "data": [1]}]}', 400),
        ("nobody", b"{}", 404),
    ],
)
def test_oip_errors_have_the_key_error(http, url, path, body, status):
    headers = {"content-type": "application/json"}
    response = http.post(f"{url}/v2/models/{path}/infer", data=body, headers=headers, timeout=30)
    assert response.status_code == status
    assert response.json()["error"]


def as_npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()
