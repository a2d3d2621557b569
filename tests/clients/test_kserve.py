"""KServe's inference client, speaking the Open Inference Protocol."""

import asyncio

import httpx
import numpy as np
import pytest
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput

FLOWER = {"measurements": np.array([[5.1, 3.5, 1.4, 0.2]], np.float32)}


@pytest.fixture
def ask(url):
    """Calls one method of a fresh client, with the base URL as its first argument."""

    def call(method, *args, **options):
        async def once():
            async with InferenceRESTClient(RESTConfig(protocol="v2", retries=0, timeout=30)) as client:
                return await getattr(client, method)(url, *args, **options)

        return asyncio.run(once())

    return call


def request_for(model, arrays, *, binary, **options):
    inputs = []
    for name, array in arrays.items():
        tensor = InferInput(name, list(array.shape), "FP32")
        tensor.set_data_from_numpy(array, binary_data=binary)
        inputs.append(tensor)
    return InferRequest(model, inputs, **options)


def outputs_of(response):
    return {output.name: output.as_numpy() for output in response.outputs}


# The client cannot name a version, so only the newest one of each model is asked.
NEWEST = {"iris": "2", "digits": "1", "diabetes": "1"}


@pytest.mark.parametrize("binary_in", [True, False], ids=["binary_in", "json_in"])
@pytest.mark.parametrize("binary_out", [True, False], ids=["binary_out", "json_out"])
def test_answers(ask, case, binary_in, binary_out):
    if case.version != NEWEST[case.model]:
        pytest.skip("not the newest version")
    request = request_for(
        case.model,
        case.inputs,
        binary=binary_in,
        request_id="mine",
        parameters={"binary_data_output": True} if binary_out else None,
    )
    response = ask("infer", request, model_name=case.model)
    assert (response.model_name, response.id) == (case.model, "mine")
    case.check(outputs_of(response))


def test_headers_of_the_answer(ask):
    headers = {}
    ask("infer", request_for("iris", FLOWER, binary=False), model_name="iris", response_headers=headers)
    assert headers["x-model-version"] == "2"


def test_outputs_asked_for(ask):
    wanted = [RequestedOutput("probabilities", {"binary_data": True})]
    request = request_for("iris", FLOWER, binary=True, request_outputs=wanted)
    assert list(outputs_of(ask("infer", request, model_name="iris"))) == ["probabilities"]


def test_health(ask):
    assert ask("is_server_live") is True
    assert ask("is_server_ready") is True
    assert ask("is_model_ready", "iris") is True
    assert ask("is_model_ready", "nobody") is False


@pytest.mark.parametrize(
    ("model", "arrays", "status", "word"),
    [
        ("nobody", {"measurements": np.zeros((1, 4), np.float32)}, 404, "nobody"),
        ("iris", {"measurements": np.zeros((1, 5), np.float32)}, 400, "measurements"),
        ("iris", {"petals": np.zeros((1, 4), np.float32)}, 400, "petals"),
    ],
    ids=["model", "columns", "name"],
)
def test_faults_are_told(ask, model, arrays, status, word):
    with pytest.raises(httpx.HTTPStatusError, match=word) as fault:
        ask("infer", request_for(model, arrays, binary=True), model_name=model)
    assert fault.value.response.status_code == status
