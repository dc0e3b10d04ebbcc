"""Modules of PyTorch, and its files."""

import copy
import unittest
from unittest import mock

import numpy as np
from support import DATA, MODELS, ConvertTest, convert

try:
    import torch
except ImportError:
    raise unittest.SkipTest("no PyTorch") from None
import torch.nn.functional as F
from torch import nn


def after_training(module, *inputs):
    """Statistics of norms that are not those they begin with."""
    torch.manual_seed(3)
    for parameter in module.parameters():
        nn.init.normal_(parameter, 0.1, 0.5)
    module.train()
    for _ in range(3):
        module(*inputs)
    return module.eval()


class Residual(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.a, self.b = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.scale = nn.Parameter(torch.tensor(0.7))
        self.register_buffer("offset", torch.linspace(-1, 1, width))

    def forward(self, x):
        return x + self.b(F.gelu(self.a(self.norm(x)))) * self.scale - self.offset


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.kind = nn.Embedding(5, 3)
        self.body = nn.Sequential(nn.Linear(9, 16), nn.Tanh(), Residual(16), nn.Dropout(0.5))
        self.mean, self.spread = nn.Linear(16, 2), nn.Linear(16, 2)

    def forward(self, x, kind, mask=None):
        x = torch.cat([x, self.kind(kind)], dim=-1)
        if mask is not None:
            x = x * mask
        h = F.dropout(self.body(x), 0.5, self.training)
        return {
            "mean": torch.clamp(self.mean(h), -2, 2),
            "std": F.softplus(self.spread(h)) + 1e-3,
            "best": h.argmax(dim=1),
        }


class Views(nn.Module):
    def forward(self, x):
        pairs = x.view(x.size(0), 3, -1)
        halves = pairs.transpose(1, 2).chunk(2, dim=1)
        first, second = halves[0], halves[1]
        return (
            pairs.flatten(1)[:, ::2],
            torch.stack([first.squeeze(1), second.squeeze(1)], dim=-1).mean((1, 2)),
            torch.matmul(first, second.permute(0, 2, 1)).reshape(x.shape[0], 1),
            x.unsqueeze(1).expand(-1, 2, -1).sum(dim=1, keepdim=True),
            F.normalize(x) / x.std(dim=1, keepdim=True),
            torch.where(x > 0, 1 - x**2, x.abs().sqrt()),
            x.max(dim=1)[0],
            F.log_softmax(x[:, 1:4], dim=1),
        )


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(6, 6), nn.Linear(6, 6)
        self.b.weight = self.a.weight

    def forward(self, x):
        return self.b(torch.relu(self.a(torch.relu(self.a(x)))))


class Branching(nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


class TorchTest(ConvertTest):
    def setUp(self):
        super().setUp()
        torch.manual_seed(1)
        self.x = torch.randn(33, 6) * 3

    def check(self, module, inputs, **options):
        """The files give what the module does, in f32 and in f64."""
        for dtype in ("f32", "f64"):
            with self.subTest(module=type(module).__name__, dtype=dtype):
                floats = torch.float32 if dtype == "f32" else torch.float64
                typed = {n: t.to(floats) if t.is_floating_point() else t for n, t in inputs.items()}
                with torch.no_grad():
                    result = copy.deepcopy(module).eval().to(floats)(**typed)
                convert.torch(module, self.name, sample=inputs, dtype=dtype, **options)
                if torch.is_tensor(result):
                    result = {"output": result}
                if isinstance(result, tuple):
                    result = {f"output_{i}": t for i, t in enumerate(result)}
                fed = {n: t.numpy() for n, t in typed.items()}
                self.assert_outputs(fed, {n: t.numpy() for n, t in result.items()}, dtype)


class Layers(TorchTest):
    ACTIVATIONS = [
        nn.ReLU(),
        nn.ReLU6(),
        nn.Sigmoid(),
        nn.Tanh(),
        nn.SiLU(),
        nn.Mish(),
        nn.SELU(),
        nn.ELU(0.5),
        nn.CELU(),
        nn.CELU(2.0),
        nn.GELU(),
        nn.GELU("tanh"),
        nn.LeakyReLU(0.2),
        nn.PReLU(),
        nn.PReLU(12),
        nn.Hardtanh(-0.3, 0.4),
        nn.Hardsigmoid(),
        nn.Hardswish(),
        nn.Softplus(),
        nn.Softplus(2.0, 3.0),
        nn.Softsign(),
        nn.Tanhshrink(),
        nn.Hardshrink(),
        nn.Softshrink(0.3),
        nn.Threshold(0.1, 0.2),
        nn.LogSigmoid(),
        nn.GLU(),
        nn.Softmax(1),
        nn.LogSoftmax(-1),
        nn.Softmin(1),
        nn.Identity(),
        nn.Dropout(),
        nn.AlphaDropout(),
    ]

    def test_activations(self):
        x = {"input": self.x}
        for activation in self.ACTIVATIONS:
            self.check(nn.Sequential(nn.Linear(6, 12), activation), x)

    def test_activations_far_from_zero(self):
        x = {"input": torch.linspace(-60, 60, 1001).reshape(-1, 1).expand(-1, 2).contiguous()}
        for activation in self.ACTIVATIONS:
            if not isinstance(activation, nn.PReLU):
                self.check(nn.Sequential(activation), x)

    def test_norms(self):
        layers = [nn.BatchNorm1d(6), nn.Linear(6, 12), nn.LayerNorm(12), nn.GroupNorm(3, 12)]
        layers += [nn.BatchNorm1d(12, affine=False), nn.LayerNorm(12, elementwise_affine=False)]
        if hasattr(nn, "RMSNorm"):
            layers += [nn.RMSNorm(12), nn.RMSNorm(12, eps=1e-3)]
        self.check(after_training(nn.Sequential(*layers), self.x), {"input": self.x})
        x = torch.randn(9, 3, 4)
        norms = nn.Sequential(nn.BatchNorm1d(3), nn.LayerNorm([3, 4]), nn.Flatten())
        self.check(after_training(norms, x), {"input": x})

    def test_names_of_norms(self):
        module = after_training(nn.Sequential(nn.BatchNorm1d(6)), self.x)
        table = convert.torch(module, self.name).table
        names = {row.trainer: (row.name, row.what) for row in table}
        self.assertEqual(names["0.weight"], ("0.gamma", "renamed"))
        self.assertEqual(names["0.bias"], ("0.beta", "renamed"))
        self.assertEqual(names["0.running_var"], ("0.running_var", ""))
        self.assertEqual(names["0.num_batches_tracked"], ("", "ignored (num_batches_tracked)"))

    def test_inputs_are_told_by_the_first_layer(self):
        inner = nn.Sequential(nn.Dropout(), nn.Linear(6, 5))
        report = convert.torch(nn.Sequential(inner, nn.ReLU()), self.name)
        self.assertIn("drawn at random", str(report))
        self.assertIn("converted as in evaluation", str(report))

    def test_halves_are_widened(self):
        report = convert.torch(nn.Linear(6, 5).half(), self.name)
        self.assertIn("torch.float16 are widened to f32", str(report))


class Forwards(TorchTest):
    def test_residual(self):
        self.check(Residual(6), {"x": self.x})

    def test_several_inputs_and_outputs(self):
        kind = torch.randint(0, 5, (33,))
        self.check(Policy(), {"x": self.x, "kind": kind})
        self.check(Policy(), {"x": self.x, "kind": kind, "mask": torch.rand(33, 9)})

    def test_random_places_of_an_embedding(self):
        convert.torch(Policy(), self.name, shapes={"x": (6,), "kind": ()})
        self.assertTrue(self.written())

    def test_views(self):
        self.check(Views(), {"x": self.x})

    def test_einsum(self):
        class Experts(nn.Module):
            def __init__(self):
                super().__init__()
                self.weight, self.gate = nn.Parameter(torch.randn(4, 6, 3)), nn.Linear(6, 4)

            def forward(self, x):
                y = torch.einsum("bi,eio->beo", x, self.weight)
                return torch.einsum("be, beo -> ob", torch.softmax(self.gate(x), -1), y)

        self.check(Experts(), {"x": self.x})

    def test_shared_weights(self):
        self.check(Tied(), {"x": self.x})
        row = next(r for r in convert.torch(Tied(), self.name).table if r.trainer == "b.weight")
        self.assertEqual(row.what, "the same as a.weight")

    def test_a_rename(self):
        report = convert.torch(Residual(6), self.name, sample=self.x, rename=["norm=first.norm"])
        self.assertIn("first.norm.gamma", [row.name for row in report.table])


class Faults(TorchTest):
    def test_all_that_is_not_converted_in_one_error(self):
        module = nn.Sequential(nn.Conv1d(3, 3, 3), nn.Flatten(), nn.Linear(6, 2), nn.LSTM(2, 2))
        words = ("0: Conv1d", "3: LSTM", "torch.onnx.export", "mlpjit reads it itself")
        self.assert_error(lambda: convert.torch(module, self.name), *words)

    def test_control_flow(self):
        call = lambda: convert.torch(Branching(), self.name, sample=self.x)
        self.assert_error(call, "the forward of Branching", "torch.onnx.export")

    def test_shapes(self):
        module = nn.Sequential(nn.Flatten(), nn.Linear(6, 2))
        self.assert_error(lambda: convert.torch(module, self.name), "--shape input=64")
        convert.torch(module, self.name, shapes=[(2, 3)])
        wrong = lambda: convert.torch(
            module, self.folder / "x", shapes={"y": (2, 3), "input": (6,)}
        )
        with self.assertRaises(convert.ConvertError) as caught:
            wrong()
        self.assertIn("no input y", str(caught.exception))

    def test_a_sample_of_another_width(self):
        call = lambda: convert.torch(nn.Linear(5, 2), self.name, sample=self.x)
        self.assert_error(call, "[B, 6]", "[2, 5]")

    def test_statistics_of_the_batch(self):
        module = nn.Sequential(nn.BatchNorm1d(6, track_running_stats=False))
        self.assert_error(lambda: convert.torch(module, self.name), "track_running_stats=False")

    def test_what_would_be_wrong_without_a_word(self):
        for forward, words in (
            (lambda self, x: (lambda h: h.mul_(2) + h)(x + 1), "in place, of a value that is used"),
            (lambda self, x: F.dropout(x), "dropout that is on in evaluation"),
            (lambda self, x: torch.tanh(x).relu_() + x, ""),
        ):
            module = type("Forward", (nn.Module,), {"forward": forward})()
            if words:
                call = lambda: convert.torch(module, self.name, sample=self.x, verify=False)
                self.assert_error(call, words)
            else:
                self.check(module, {"x": self.x})

    def test_parts_that_are_not_float(self):
        quantised = torch.ao.quantization if hasattr(torch, "ao") else torch.quantization
        module = nn.Sequential(nn.Linear(6, 2)).eval()
        module = quantised.quantize_dynamic(module, {nn.Linear}, dtype=torch.qint8)
        self.assert_error(lambda: convert.torch(module, self.name), "0: torch.", "quantized")
        call = lambda: convert.torch(nn.LazyLinear(3), self.name)
        self.assert_error(call, "not initialised")

    def test_a_wrong_conversion_is_not_written(self):
        from mlpjit_convert import torch_layers

        module = nn.Sequential(nn.Linear(6, 5), nn.Sequential(nn.GELU()), nn.Linear(5, 5))
        wrong = {**torch_layers.LAYERS, "GELU": torch_layers.LAYERS["SiLU"]}
        with mock.patch("mlpjit_convert.from_torch.LAYERS", wrong):
            with self.assertRaises(convert.VerifyError) as caught:
                convert.torch(module, self.name)
        self.assertIn("The first layer that differs: 1.0:", str(caught.exception))
        self.assertFalse(self.written())


class Files(TorchTest):
    def recorded(self):
        recorded = np.load(MODELS / "torch_mlp_digits.npz")
        return {"x": recorded["b16.in.x"]}, {"output": recorded["b16.out.logits"]}

    def test_a_state_dict(self):
        for file in ("torch_mlp_digits.pt", "torch_mlp_digits.torchscript.pt"):
            layers = ("--layers", "64-32-16-10 relu")
            printed = self.command(DATA / file, "-o", self.name, *layers)
            self.assertIn("verified on 64 rows", printed)
            self.assert_outputs(*self.recorded(), "f32")

    def test_a_state_dict_in_f64(self):
        layers = ("--layers", "64-32-16-10 relu", "--dtype", "f64")
        self.command(DATA / "torch_mlp_digits.pt", "-o", self.name, *layers)
        inputs, expected = self.recorded()
        self.assert_outputs({"x": inputs["x"].astype(np.float64)}, expected, "f32")

    def test_a_state_dict_in_a_checkpoint(self):
        checkpoint = {"epoch": 3, "state_dict": nn.Sequential(nn.Linear(6, 5)).state_dict()}
        torch.save(checkpoint, self.folder / "c.pt")
        self.command(self.folder / "c.pt", "-o", self.name, "--layers", "Linear(6,5)")

    def test_weights_alone(self):
        printed = self.command(DATA / "torch_mlp_digits.pt", "-o", self.name, status=2)
        self.assertIn("describe them", printed)
        file = DATA / "torch_mlp_digits.torchscript.pt"
        self.assertIn("TorchScript", self.command(file, "-o", self.name, status=2))

    def test_a_whole_module(self):
        module = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 2)).eval()
        torch.save(module, self.folder / "m.pt")
        np.savez(self.folder / "rows.npz", rows=self.x.numpy())
        sample = ("--sample", self.folder / "rows.npz")
        self.command(self.folder / "m.pt", "-o", self.name, *sample)
        expected = {"output": module(self.x).detach().numpy()}
        self.assert_outputs({"x": self.x.numpy()}, expected, "f32")

    def test_a_whole_module_of_a_class_that_is_not_here(self):
        torch.save(Tied(), self.folder / "m.pt")
        printed = self.command(self.folder / "m.pt", "-o", self.name, status=2, cwd=self.folder)
        self.assertIn("FILE.py:FUNCTION", printed)

    def test_a_python_file(self):
        text = "from torch import nn\ndef build():\n    return nn.Sequential(nn.Linear(6, 5))\n"
        (self.folder / "net.py").write_text(text + "broken = lambda: 1 / 0\nnumber = lambda: 3\n")
        self.command(f"{self.folder}/net.py:build", "-o", self.name)
        for factory, words in (
            ("built", "has no 'built'"),
            ("broken", "ZeroDivisionError"),
            ("number", "no nn.Module"),
        ):
            printed = self.command(f"{self.folder}/net.py:{factory}", "-o", self.name, status=2)
            self.assertIn(words, printed)


if __name__ == "__main__":
    unittest.main()
