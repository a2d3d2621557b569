"""Triton's HTTP client, as its users call it: without options it sends and wants tensors as binary data."""

import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

FLOWER = {"measurements": np.array([[5.1, 3.5, 1.4, 0.2]], np.float32)}


@pytest.fixture(scope="module")
def client(url):
    with triton.InferenceServerClient(url.partition("://")[2]) as client:
        yield client


def inputs_of(arrays, **options):
    inputs = []
    for name, array in arrays.items():
        tensor = triton.InferInput(name, array.shape, np_to_triton_dtype(array.dtype))
        inputs.append(tensor.set_data_from_numpy(array, **options))
    return inputs


def outputs_of(result):
    return {output["name"]: result.as_numpy(output["name"]) for output in result.get_response()["outputs"]}


# --- inference -------------------------------------------------------------------------------------------------------


def test_defaults(client, case):
    result = client.infer(case.model, inputs_of(case.inputs), model_version=case.version)
    case.check(outputs_of(result))
    assert result.get_response()["model_version"] == case.version
    assert all("binary_data_size" in output["parameters"] for output in result.get_response()["outputs"])


def test_json_both_ways(client, case):
    wanted = [triton.InferRequestedOutput(name, binary_data=False) for name in case.outputs]
    result = client.infer(
        case.model, inputs_of(case.inputs, binary_data=False), model_version=case.version, outputs=wanted
    )
    case.check(outputs_of(result))
    assert all("data" in output for output in result.get_response()["outputs"])


def test_json_in_and_binary_out(client, case):
    result = client.infer(case.model, inputs_of(case.inputs, binary_data=False), model_version=case.version)
    case.check(outputs_of(result))


def test_binary_in_and_a_mix_out(client):
    wanted = [
        triton.InferRequestedOutput("probabilities", binary_data=True),
        triton.InferRequestedOutput("label", binary_data=False),
    ]
    result = client.infer("iris", inputs_of(FLOWER), outputs=wanted)
    assert [output["name"] for output in result.get_response()["outputs"]] == ["probabilities", "label"]
    assert result.as_numpy("label").tolist() == [0]
    assert result.as_numpy("probabilities").shape == (1, 3)


def test_only_the_outputs_asked_for(client):
    result = client.infer("iris", inputs_of(FLOWER), outputs=[triton.InferRequestedOutput("label")])
    assert list(outputs_of(result)) == ["label"]


def test_id_and_newest_version(client):
    answer = client.infer("iris", inputs_of(FLOWER), request_id="mine").get_response()
    assert (answer["id"], answer["model_name"], answer["model_version"]) == ("mine", "iris", "2")


def test_gzip_both_ways(client):
    many = {"measurements": np.repeat(FLOWER["measurements"], 500, axis=0)}
    result = client.infer(
        "iris", inputs_of(many), request_compression_algorithm="gzip", response_compression_algorithm="gzip"
    )
    assert result.as_numpy("label").tolist() == [0] * 500


def test_many_at_once(url, client):
    with triton.InferenceServerClient(url.partition("://")[2], concurrency=8) as several:
        pending = [several.async_infer("iris", inputs_of(FLOWER), request_id=str(n)) for n in range(64)]
        answers = [request.get_result() for request in pending]
    assert [answer.get_response()["id"] for answer in answers] == [str(n) for n in range(64)]


# --- what the server says about itself -------------------------------------------------------------------------------


def test_readiness(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("iris")
    assert client.is_model_ready("iris", "1")
    assert not client.is_model_ready("iris", "9")
    assert not client.is_model_ready("nobody")


def test_metadata(client):
    server = client.get_server_metadata()
    assert server["name"] and server["version"]
    assert {"binary_tensor_data", "model_repository", "statistics"} <= {
        extension.partition("(")[0] for extension in server["extensions"]
    }
    iris = client.get_model_metadata("iris")
    assert iris["name"] == "iris" and sorted(iris["versions"]) == ["1", "2"] and iris["platform"]
    assert [(port["name"], port["datatype"], port["shape"]) for port in iris["inputs"]] == [
        ("measurements", "FP32", [-1, 4])
    ]
    assert [(port["name"], port["datatype"], port["shape"]) for port in iris["outputs"]] == [
        ("label", "INT64", [-1]),
        ("probabilities", "FP32", [-1, 3]),
    ]
    assert client.get_model_metadata("digits", "1")["inputs"][0]["shape"] == [-1, 1, 8, 8]


def test_configuration(client):
    config = client.get_model_config("iris")
    assert config["name"] == "iris"
    assert isinstance(config["max_batch_size"], int)
    assert [port["name"] for port in config["input"]] == ["measurements"]
    assert [port["name"] for port in config["output"]] == ["label", "probabilities"]


def test_repository_index(client):
    index = {(entry["name"], entry["version"]): entry["state"] for entry in client.get_model_repository_index()}
    for version in [("iris", "1"), ("iris", "2"), ("digits", "1"), ("diabetes", "1")]:
        assert index[version] == "READY"


def test_statistics(client):
    def counts():
        [stats] = client.get_inference_statistics("iris", "1")["model_stats"]
        assert (stats["name"], stats["version"]) == ("iris", "1")
        for key in ("success", "fail", "queue", "compute_input", "compute_infer", "compute_output"):
            assert {"count", "ns"} <= stats["inference_stats"][key].keys()
        for key in ("cache_hit", "cache_miss"):
            assert stats["inference_stats"][key] == {"count": 0, "ns": 0}
        return stats["inference_count"], stats["execution_count"], stats["inference_stats"]["success"]["count"]

    before = counts()
    rows = {"measurements": np.repeat(FLOWER["measurements"], 3, axis=0)}
    client.infer("iris", inputs_of(rows), model_version="1")
    assert np.subtract(counts(), before).tolist() == [3, 1, 1], "three rows, one run, one request"
    listed = {(stats["name"], stats["version"]) for stats in client.get_inference_statistics()["model_stats"]}
    assert {("iris", "1"), ("iris", "2"), ("digits", "1"), ("diabetes", "1")} <= listed


# --- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])
@pytest.mark.parametrize(
    ("model", "arrays", "status", "word"),
    [
        ("nobody", {"measurements": np.zeros((1, 4), np.float32)}, "404", "nobody"),
        ("iris", {"measurements": np.zeros((1, 5), np.float32)}, "400", "measurements"),
        ("iris", {"measurements": np.zeros(4, np.float32)}, "400", "measurements"),
        ("iris", {"measurements": np.zeros((1, 4), np.int32)}, "400", "FP32"),
        ("iris", {"petals": np.zeros((1, 4), np.float32)}, "400", "petals"),
    ],
    ids=["model", "columns", "rank", "datatype", "name"],
)
def test_faults_are_told(client, binary, model, arrays, status, word):
    with pytest.raises(InferenceServerException) as fault:
        client.infer(model, inputs_of(arrays, binary_data=binary))
    assert fault.value.status() == status
    assert word in fault.value.message()


def test_an_unknown_output_is_told(client):
    with pytest.raises(InferenceServerException, match="colour"):
        client.infer("iris", inputs_of(FLOWER), outputs=[triton.InferRequestedOutput("colour")])


def test_an_unknown_model_is_told(client):
    for ask in (client.get_model_metadata, client.get_model_config, client.get_inference_statistics):
        with pytest.raises(InferenceServerException, match="nobody"):
            ask("nobody")


def test_models_cannot_be_loaded_from_outside(client):
    with pytest.raises(InferenceServerException):
        client.load_model("iris")
    with pytest.raises(InferenceServerException):
        client.unload_model("iris")
    assert client.is_model_ready("iris")
