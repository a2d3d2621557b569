"""Networks as PyTorch exports them, with both of its exporters: `make_torch.py [TEXT]` writes `corpus/torch/`, or only
the models whose name holds the text.

Narrow layers and fixed seeds: what counts is which operators an exporter writes and how it connects them. `ts` is the
exporter of opset 17 (`dynamo=False`), `dy` the one of opset 18 and 20 (`dynamo=True`). Where an axis is free the questions
have two sizes of it. Tolerance: rtol 1e-4, atol 1e-5.
"""

import io
import pathlib
import sys
import warnings

import numpy as np
import onnx
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

import case

FOLDER = pathlib.Path(__file__).parent / "corpus" / "torch"
torch.backends.mha.set_fastpath_enabled(False)
warnings.simplefilter("ignore")
MODELS = {}


def model(*shapes, free=({0: "N"},), exporters=("ts", "dy"), opset=20, fixed=False, atol=1e-5, **more):
    """Registers a function that makes a network. `shapes` are of its inputs: tuples, or arrays to take as they are;
    `free` has the free axes of each input, one for all when there is one."""
    def register(make):
        MODELS[make.__name__] = dict(make=make, shapes=shapes, free=free, exporters=exporters, opset=opset, fixed=fixed, atol=atol, **more)
        return make
    return register


class Fn(nn.Module):
    def __init__(self, function, **parts):
        super().__init__()
        self.function = function
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, *inputs):
        return self.function(self, *inputs)


def question(spec, rng, size):
    free = spec["free"] if len(spec["free"]) > 1 else spec["free"] * len(spec["shapes"])
    arrays = []
    for shape, axes in zip(spec["shapes"], free):
        if callable(shape):
            arrays.append(torch.from_numpy(shape(rng, size)))
            continue
        dims = [size.get(axes.get(at), dim) if axes else dim for at, dim in enumerate(shape)]
        arrays.append(torch.from_numpy(rng.standard_normal(dims).astype(np.float32)))
    return tuple(arrays)


def export(name, spec, exporter, free):
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    net = spec["make"]().eval()
    # Running statistics and biases that are not zero and one.
    with torch.no_grad():
        for key, value in net.state_dict().items() if not isinstance(net, torch.jit.ScriptModule) else ():
            if key.endswith(("running_mean", "bias")):
                value.copy_(torch.randn_like(value) * 0.3)
            if key.endswith("running_var"):
                value.copy_(torch.rand_like(value) + 0.5)
    names = [f"x{at}" for at in range(len(spec["shapes"]))]
    axes = spec["free"] if len(spec["free"]) > 1 else spec["free"] * len(names)
    letters = {letter for told in axes for letter in (told or {}).values()}
    sizes = [dict.fromkeys(letters, 2), dict.fromkeys(letters, 3) | {letter: 5 for letter in letters if letter != "N"}]
    if letters - {"N"}:
        sizes[0] |= {letter: 4 for letter in letters if letter != "N"}
    inputs = question(spec, rng, sizes[0])
    buffer = io.BytesIO()
    if exporter == "ts":
        told = {key: dict(value) for key, value in zip(names, axes) if value} if free else None
        torch.onnx.export(net, inputs, buffer, input_names=names, dynamic_axes=told, opset_version=17, dynamo=False)
        data = buffer.getvalue()
    else:
        dims = {letter: torch.export.Dim(letter.lower(), min=1, max=4096) for letter in letters}
        shapes = tuple({at: dims[letter] for at, letter in (value or {}).items()} or None for value in axes) if free else None
        if isinstance(net, Fn) and free:
            shapes = (shapes,)  # one parameter, which takes them all
        opset = spec["opset"]
        program = torch.onnx.export(net, inputs, dynamic_shapes=shapes, input_names=names, opset_version=opset, dynamo=True, verbose=False)
        program.save(buffer) if not hasattr(program, "model_proto") else None
        data = (program.model_proto if hasattr(program, "model_proto") else onnx.load_from_string(buffer.getvalue())).SerializeToString()
    proto = onnx.load_from_string(data)
    strip(proto.graph)
    given = [value.name for value in proto.graph.input]
    questions = []
    for size in sizes if free else sizes[:1]:
        values = question(spec, rng, size) if free else inputs
        questions.append({key: value.numpy() for key, value in zip(names, values) if key in given})
    label = f"{name}_{exporter}{'' if free else '_fixed'}"
    answers = None
    if spec.get("by_torch"):
        # A mask that ONNX Runtime does not take: the answers are the network's own.
        ports = [value.name for value in proto.graph.output]
        asked = [net(*(torch.from_numpy(question[key]) for key in names)) for question in questions]
        answers = [{ports[0]: answer.detach().numpy()} for answer in asked]
    case.write(FOLDER, label, proto, questions, rtol=1e-4, atol=spec["atol"], answers=answers)


def strip(graph):
    """Without the exporter's notes on where in the source a node comes from."""
    for node in graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
        for attribute in node.attribute:
            if attribute.HasField("g"):
                strip(attribute.g)
    for value in [*graph.value_info, *graph.input, *graph.output]:
        del value.metadata_props[:]


def image(side=12, channels=3):
    return (2, channels, side, side)


@model((2, 8), fixed=True)
def mlp():
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.BatchNorm1d(16), nn.Dropout(), nn.Linear(16, 4), nn.Softmax(-1))


@model((2, 12))
def mlp_deep():
    return nn.Sequential(nn.Linear(12, 16), nn.Tanh(), nn.LayerNorm(16), nn.Linear(16, 16), nn.GELU(), nn.Linear(16, 3), nn.LogSoftmax(1))


@model(image(), fixed=True)
def cnn():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3, stride=2, padding=1),
        nn.ReLU(), nn.AvgPool2d(2, ceil_mode=True), nn.Flatten(), nn.Linear(32, 5))


@model(image(side=11))
def cnn_pools():
    return Fn(lambda m, x: torch.cat([
        F.max_pool2d(x, 3, 2, 1).flatten(1), F.avg_pool2d(x, 3, 2, 1, count_include_pad=False).flatten(1),
        F.avg_pool2d(x, 2, 2, 0, ceil_mode=True).flatten(1), F.max_pool2d(x, 2, 2, 0, dilation=2, ceil_mode=True).flatten(1),
        F.adaptive_avg_pool2d(x, 1).flatten(1), F.adaptive_max_pool2d(x, 1).flatten(1), F.lp_pool2d(x, 2, 3).flatten(1)], 1))


class Residual(nn.Module):
    def __init__(self, a, b, stride):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(a, b, 3, stride, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU(inplace=True),
                                  nn.Conv2d(b, b, 3, 1, 1, bias=False), nn.BatchNorm2d(b))
        self.short = nn.Sequential(nn.Conv2d(a, b, 1, stride, bias=False), nn.BatchNorm2d(b)) if stride > 1 else nn.Identity()

    def forward(self, x):
        return F.relu(self.body(x) + self.short(x))


@model(image())
def resnet():
    return nn.Sequential(nn.Conv2d(3, 8, 7, 2, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(3, 2, 1),
                         Residual(8, 8, 1), Residual(8, 12, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 4))


class Squeeze(nn.Module):
    def __init__(self, c, gate):
        super().__init__()
        self.down, self.up, self.gate = nn.Conv2d(c, 4, 1), nn.Conv2d(4, c, 1), gate

    def forward(self, x):
        return x * self.gate(self.up(F.relu(self.down(F.adaptive_avg_pool2d(x, 1)))))


def inverted(a, b, act, gate, stride=1, kernel=3):
    c = a * 2
    return nn.Sequential(nn.Conv2d(a, c, 1, bias=False), nn.BatchNorm2d(c), act(),
                         nn.Conv2d(c, c, kernel, stride, kernel // 2, groups=c, bias=False), nn.BatchNorm2d(c), act(),
                         Squeeze(c, gate), nn.Conv2d(c, b, 1, bias=False), nn.BatchNorm2d(b))


@model(image())
def mobilenet():
    return nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.Hardswish(), inverted(8, 8, nn.Hardswish, nn.Hardsigmoid()),
                         inverted(8, 12, nn.ReLU6, nn.Hardsigmoid(), 2, 5), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 4))


@model(image())
def efficientnet():
    return nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.SiLU(), inverted(8, 8, nn.SiLU, nn.Sigmoid()),
                         inverted(8, 12, nn.SiLU, nn.Sigmoid(), 2, 5), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 4))


def recurrent(kind, **more):
    return Fn(lambda m, x: m.head(m.layer(x)[0][:, -1]),
              layer=kind(6, 8, batch_first=True, **more), head=nn.Linear(16 if more.get("bidirectional") else 8, 3))


@model((2, 5, 6), fixed=True)
def lstm():
    return recurrent(nn.LSTM, num_layers=2)


@model((2, 5, 6))
def lstm_bidirectional():
    return recurrent(nn.LSTM, bidirectional=True)


@model((2, 4, 6), free=({0: "N", 1: "T"},))
def lstm_free_time():
    return recurrent(nn.LSTM)


@model((2, 5, 6), fixed=True)
def gru():
    return recurrent(nn.GRU, num_layers=2)


@model((2, 5, 6))
def gru_bidirectional():
    return recurrent(nn.GRU, bidirectional=True)


@model((2, 5, 6))
def rnn():
    return recurrent(nn.RNN)


@model((2, 5, 6))
def rnn_relu():
    return recurrent(nn.RNN, nonlinearity="relu", bidirectional=True)


@model((5, 2, 6), (1, 2, 8), (1, 2, 8), free=({1: "N"},))
def lstm_states():
    return Fn(lambda m, x, h, c: m.layer(x, (h, c)), layer=nn.LSTM(6, 8))


def packed(m, x, lengths):
    rows, (last, _) = m.layer(nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True))
    return m.head(last[-1]), nn.utils.rnn.pad_packed_sequence(rows, batch_first=True)[0]


@model((2, 5, 6), lambda rng, size: -np.sort(-np.append(rng.integers(1, 6, size["N"] - 1), 5)), exporters=("ts",))
def lstm_packed():
    return Fn(packed, layer=nn.LSTM(6, 8, batch_first=True), head=nn.Linear(8, 3))


@model((2, 6, 8), free=({0: "N"},), fixed=True)
def transformer():
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    return Fn(lambda m, x: m.head(m.body(x).mean(1)), body=nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), head=nn.Linear(8, 3))


@model((2, 6, 8), free=({0: "N"},))
def transformer_prenorm_causal():
    layer = nn.TransformerEncoderLayer(8, 2, 16, activation="gelu", norm_first=True, batch_first=True)
    mask = nn.Transformer.generate_square_subsequent_mask(6)
    return Fn(lambda m, x: m.body(x, mask=mask, is_causal=True), body=nn.TransformerEncoder(layer, 1, enable_nested_tensor=False))


@model((2, 4, 8), (2, 6, 8))
def transformer_decoder():
    layer = nn.TransformerDecoderLayer(8, 2, 16, batch_first=True)
    return Fn(lambda m, x, memory: m.body(x, memory), body=nn.TransformerDecoder(layer, 1))


class Bert(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.places, self.kinds = nn.Embedding(50, 8), nn.Embedding(16, 8), nn.Embedding(2, 8)
        self.norm, self.drop = nn.LayerNorm(8, eps=1e-12), nn.Dropout(0.1)
        self.qkv, self.out = nn.ModuleList(nn.Linear(8, 8) for _ in range(3)), nn.Linear(8, 8)
        self.norm1, self.norm2 = nn.LayerNorm(8), nn.LayerNorm(8)
        self.up, self.down, self.pool, self.head = nn.Linear(8, 16), nn.Linear(16, 8), nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, ids, mask):
        places = torch.arange(ids.shape[1], device=ids.device).unsqueeze(0)
        x = self.drop(self.norm(self.words(ids) + self.places(places) + self.kinds(torch.zeros_like(ids))))
        bias = (1.0 - mask[:, None, None, :].float()) * torch.finfo(torch.float32).min
        split = lambda t: t.view(t.shape[0], t.shape[1], 2, 4).transpose(1, 2)
        q, k, v = (split(layer(x)) for layer in self.qkv)
        scores = torch.softmax(q @ k.transpose(-1, -2) / 2.0 + bias, -1)
        y = (scores @ v).transpose(1, 2).reshape(x.shape)
        x = self.norm1(x + self.out(y))
        x = self.norm2(x + self.down(F.gelu(self.up(x))))
        return self.head(torch.tanh(self.pool(x[:, 0]))), x


def masks(rng, size):
    return (np.arange(size.get("T", 4))[None] < rng.integers(1, size.get("T", 4) + 1, size["N"])[:, None]).astype(np.int64)


@model(lambda rng, size: rng.integers(0, 50, (size["N"], size.get("T", 4))), masks, free=({0: "N", 1: "T"},))
def bert():
    return Bert()


def padded_attention(m, x, keep):
    q, k, v = (layer(x).view(x.shape[0], -1, 2, 4).transpose(1, 2) for layer in (m.q, m.k, m.v))
    y = F.scaled_dot_product_attention(q, k, v, attn_mask=keep[:, None, None, :] > 0)
    return y.transpose(1, 2).reshape(x.shape[0], -1, 8)


@model((2, 4, 8), masks, free=({0: "N", 1: "T"},))
def sdpa_masked():
    return Fn(padded_attention, q=nn.Linear(8, 8), k=nn.Linear(8, 8), v=nn.Linear(8, 8))


def causal_attention(m, x):
    q, k, v = (layer(x).view(x.shape[0], -1, 2, 4).transpose(1, 2) for layer in (m.q, m.k, m.v))
    return F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(x.shape[0], -1, 8)


@model((2, 6, 8))
def sdpa_causal():
    return Fn(causal_attention, q=nn.Linear(8, 8), k=nn.Linear(8, 8), v=nn.Linear(8, 8))


@model((2, 6, 8), exporters=("dy",), opset=23)
def sdpa_opset23():
    return sdpa_causal()


@model((2, 4, 8), masks, free=({0: "N", 1: "T"},), exporters=("dy",), opset=23, by_torch=True)
def sdpa_masked_opset23():
    return sdpa_masked()


class Patches(nn.Module):
    def __init__(self):
        super().__init__()
        self.patch, self.token, self.place = nn.Conv2d(3, 8, 4, 4), nn.Parameter(torch.randn(1, 1, 8)), nn.Parameter(torch.randn(1, 10, 8))
        self.body = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, activation="gelu", batch_first=True, norm_first=True), 1, enable_nested_tensor=False)
        self.head = nn.Linear(8, 4)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.place
        return self.head(self.body(x)[:, 0])


@model(image(), fixed=True)
def vit():
    return Patches()


class Unet(nn.Module):
    def __init__(self, mode):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 8, 3, 2, 1), nn.Conv2d(8, 8, 3, 2, 1)
        self.up, self.d, self.e = nn.ConvTranspose2d(8, 8, 2, 2), nn.Conv2d(16, 4, 3, padding=1), nn.Conv2d(8, 1, 1)
        self.mode = mode

    def forward(self, x):
        a = F.relu(self.a(x))
        b = F.relu(self.b(a))
        y = torch.relu(self.d(torch.cat([self.up(F.relu(self.c(b))), b], 1)))
        told = {} if self.mode == "nearest" else {"align_corners": self.mode == "corners"}
        y = F.interpolate(y, scale_factor=2, mode="nearest" if self.mode == "nearest" else "bilinear", **told)
        return torch.sigmoid(self.e(torch.cat([y, a], 1)))


@model(image())
def unet_nearest():
    return Unet("nearest")


@model(image())
def unet_bilinear():
    return Unet("bilinear")


@model(image())
def unet_corners():
    return Unet("corners")


@model(image(side=8))
def resize_to_size():
    return Fn(lambda m, x: (F.interpolate(x, size=(5, 13), mode="nearest"), F.interpolate(x, size=(12, 6), mode="bilinear"),
                            F.interpolate(x, size=(11, 4), mode="bicubic", align_corners=False)))


@model((2, 10))
def autoencoder():
    return nn.Sequential(nn.Linear(10, 6), nn.LeakyReLU(0.2), nn.Linear(6, 2), nn.Linear(2, 6), nn.PReLU(), nn.Linear(6, 10), nn.Sigmoid())


@model((2, 4, 5, 5))
def conv_transpose():
    return nn.Sequential(nn.ConvTranspose2d(4, 6, 3, 2, 1, output_padding=1, groups=2), nn.ReLU(), nn.ConvTranspose2d(6, 2, 3, dilation=2))


@model((2, 4, 9))
def conv_transpose_1d():
    return nn.ConvTranspose1d(4, 3, 4, stride=3, padding=1)


@model(image(channels=4))
def conv_dilated_grouped():
    return nn.Sequential(nn.Conv2d(4, 8, 3, dilation=2, padding=2, groups=2), nn.ELU(), nn.Conv2d(8, 8, (1, 3), padding=(0, 1), groups=8),
                         nn.Conv2d(8, 4, 3, padding="same", padding_mode="reflect"))


class Causal(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv1d(6, 6, 3, dilation=d) for d in (1, 2, 4))

    def forward(self, x):
        for layer in self.layers:
            x = x + F.relu(layer(F.pad(x, (2 * layer.dilation[0], 0))))
        return x[:, :, -1]


@model((2, 6, 12))
def tcn():
    return Causal()


@model((2, 2, 6, 6, 6))
def conv3d():
    return nn.Sequential(nn.Conv3d(2, 4, 3, padding=1), nn.BatchNorm3d(4), nn.ReLU(), nn.MaxPool3d(2), nn.AvgPool3d(3), nn.Flatten(), nn.Linear(4, 2))


@model((2, 8, 6, 6))
def norms():
    return Fn(lambda m, x: m.c(m.b(m.a(x))), a=nn.GroupNorm(4, 8), b=nn.InstanceNorm2d(8, affine=True), c=nn.LayerNorm([6, 6]))


@model((2, 12), exporters=("dy",))
def rms_norm():
    return nn.Sequential(nn.Linear(12, 12), nn.RMSNorm(12, eps=1e-6), nn.Linear(12, 3))


ACTIVATIONS = ["ReLU", "GELU", "SiLU", "Mish", "ELU", "SELU", "CELU", "Softplus", "Hardsigmoid", "Hardswish", "Hardtanh", "LeakyReLU",
               "LogSigmoid", "ReLU6", "Sigmoid", "Softsign", "Tanh", "Tanhshrink", "Softshrink", "Hardshrink"]


@model((3, 11))
def activations():
    return Fn(lambda m, x: torch.stack([layer(x * 3) for layer in m.layers], 1), layers=nn.ModuleList(getattr(nn, name)() for name in ACTIVATIONS))


@model((3, 11))
def activations_more():
    return Fn(lambda m, x: torch.stack([F.gelu(x, approximate="tanh"), F.glu(torch.cat([x, x * 2], -1)),
                                        F.normalize(x), F.softmin(x, 1), F.hardtanh(x, -0.3, 0.4), torch.clamp(x, min=0.1)], 1))


def rated(m, user, item):
    return torch.sigmoid((m.users(user) * m.items(item)).sum(-1) + m.bias(item).squeeze(-1))


@model(lambda rng, size: rng.integers(0, 20, size["N"]), lambda rng, size: rng.integers(0, 30, size["N"]))
def recommender():
    return Fn(rated, users=nn.Embedding(20, 6), items=nn.Embedding(30, 6), bias=nn.Embedding(30, 1))


@model(lambda rng, size: rng.integers(0, 20, (size["N"], 4)))
def embedding_bag():
    return Fn(lambda m, x: m.head(m.bag(x).mean(1)), bag=nn.Embedding(20, 6, padding_idx=0), head=nn.Linear(6, 2))


@model(lambda rng, size: rng.integers(0, 20, (2, 4)), exporters=("ts",), free=(None,), only_fixed=True)
def embedding_bag_layer():
    return nn.EmbeddingBag(20, 6, mode="mean")


@model((2, 8), (2, 8))
def siamese():
    return Fn(lambda m, a, b: (F.cosine_similarity(m.net(a), m.net(b)), F.pairwise_distance(m.net(a), m.net(b))),
              net=nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 4)))


class TextCnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.convs, self.head = nn.Embedding(30, 6), nn.ModuleList(nn.Conv1d(6, 4, k) for k in (2, 3)), nn.Linear(8, 3)

    def forward(self, x):
        x = self.words(x).transpose(1, 2)
        return self.head(torch.cat([F.relu(conv(x)).amax(2) for conv in self.convs], 1))


@model(lambda rng, size: rng.integers(0, 30, (size["N"], 7)))
def text_cnn():
    return TextCnn()


def detect(m, boxes, scores):
    corners = torch.cat([boxes[:, :2] - boxes[:, 2:].abs(), boxes[:, :2] + boxes[:, 2:].abs()], 1)
    kept = torchvision.ops.nms(corners, scores, 0.5)[:20]
    return corners[kept], scores[kept]


@model((9, 4), (9,), free=(None,), only_fixed=True)
def detection():
    return Fn(detect)


@model((2, 3, 6, 6), lambda rng, size: rng.uniform(-1.2, 1.2, (size["N"], 4, 5, 2)).astype(np.float32))
def grid_sample():
    return Fn(lambda m, x, grid: F.grid_sample(x, grid, align_corners=False))


@model((2, 8, 4, 4))
def pixel_shuffle():
    return Fn(lambda m, x: F.pixel_unshuffle(F.relu(F.pixel_shuffle(x, 2)), 4))


@model((2, 5, 7))
def reductions():
    return Fn(lambda m, x: (x.cumsum(1), x.topk(3, -1).values, x.topk(2, 1, largest=False).indices, x.argmax(-1), x.logsumexp(-1), x.norm(dim=2), x.std(-1), x.prod(1)))


@model((2, 5, 7))
def masked():
    return Fn(lambda m, x: (torch.where(x > 0, x, -x * 0.1), x.masked_fill(x < -0.5, 9.0), torch.tril(x), x.clamp(-1, 1), (x > 0) & (x < 1)))


@model((2, 5, 7), lambda rng, size: rng.integers(0, 5, (size["N"], 3, 7)))
def gather_scatter():
    return Fn(lambda m, x, at: (x.gather(1, at), x.scatter(1, at[:, :1], 3.0), x.index_select(2, torch.tensor([0, 2, 6])), x.flip(1), x.roll(2, 1)))


@model((2, 5, 7), (2, 7, 3))
def einsum():
    return Fn(lambda m, a, b: (torch.einsum("bij,bjk->bik", a, b), torch.einsum("bij,bij->b", a, a), torch.einsum("bij->bji", a), torch.bmm(a, b).sum((1, 2))))


@model((2, 12))
def reshapes():
    return Fn(lambda m, x: (x.view(-1, 3, 4).permute(2, 0, 1), x.chunk(3, 1)[1], x.split([2, 10], 1)[1], x.unsqueeze(1).expand(-1, 3, -1),
                            x.repeat(1, 2), x[:, ::2], x[:, -3:], x.reshape(x.shape[0], 2, -1), torch.stack([x, x], -1)))


@model((2, 6))
def dictionary():
    return Fn(lambda m, x: {"logits": m.a(x), "probabilities": m.a(x).softmax(-1), "value": m.b(x).squeeze(-1)}, a=nn.Linear(6, 3), b=nn.Linear(6, 1))


class Repeated(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(6, 6)

    def forward(self, x):
        for _ in range(3):
            x = torch.tanh(self.layer(x)) + x
        return x


@model((2, 6), exporters=("ts",))
def scripted_loop():
    return torch.jit.script(Repeated())


@model((2, 6))
def mixture():
    return Fn(lambda m, x: (m.gate(x).softmax(-1).unsqueeze(-1) * torch.stack([e(x) for e in m.experts], 1)).sum(1),
              gate=nn.Linear(6, 3), experts=nn.ModuleList(nn.Linear(6, 4) for _ in range(3)))


@model((2, 8, 16))
def conformer_block():
    return Fn(lambda m, x: x + m.out(F.glu(m.up(x), 1) * torch.sigmoid(m.deep(x))), up=nn.Conv1d(8, 16, 1), deep=nn.Conv1d(8, 8, 5, padding=2, groups=8), out=nn.Conv1d(8, 8, 1))


@model((2, 6))
def gaussian_policy():
    return Fn(lambda m, x: (m.mean(x), m.log.clamp(-2, 2).exp().expand(x.shape[0], -1), torch.atan2(x, x + 2), x.sign(), x.floor(), x.fmod(0.7), torch.remainder(x, 0.7)),
              mean=nn.Linear(6, 2), log=nn.Parameter(torch.zeros(1, 2)))


def external():
    """The same classifier with its weights in a file beside it."""
    data = onnx.load(FOLDER / "mlp_dy.onnx")
    inputs = {"x0": np.random.default_rng(1).standard_normal((4, 8)).astype(np.float32)}
    answers = [case.run(data.SerializeToString(), inputs)]
    case.write(FOLDER, "mlp_external", data, [inputs], rtol=1e-4, atol=1e-5, answers=answers)
    (FOLDER / "mlp_external.weights").unlink(missing_ok=True)
    onnx.save(data, FOLDER / "mlp_external.onnx", save_as_external_data=True, location="mlp_external.weights", size_threshold=0)


def main(text=""):
    for name, spec in MODELS.items():
        if text not in name:
            continue
        for exporter in spec["exporters"]:
            for free in ([False] if spec.get("only_fixed") else [True, False] if spec["fixed"] else [True]):
                try:
                    export(name, spec, exporter, free)
                    print("made", name, exporter, free, flush=True)
                except Exception as error:
                    print(f"{name} {exporter} {'free' if free else 'fixed'}: {type(error).__name__}: {str(error)[:300]}", file=sys.stderr, flush=True)
    if text in "external":
        external()


if __name__ == "__main__":
    main(*sys.argv[1:])
