"""SummaryWriter: every method takes brasa's tensors, and what is in the files is what was given."""

from __future__ import annotations

import io
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import brasa
from brasa import nn
from brasa.utils.tensorboard import SummaryWriter


def events(folder: Path) -> Iterator[Any]:
    """The events in a folder's files: each is a length, its checksum, the event, its checksum."""
    pytest.importorskip("tensorboardX")
    from tensorboardX.proto.event_pb2 import Event

    for path in sorted(folder.rglob("events.*")):
        data = path.read_bytes()
        while data:
            (length,) = struct.unpack_from("<Q", data)
            yield Event.FromString(data[12 : 12 + length])
            data = data[16 + length :]


def values(folder: Path) -> dict[str, Any]:
    """The values in them, by tag."""
    return {value.tag: (event.step, value) for event in events(folder) for value in event.summary.value}


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[SummaryWriter]:
    """A writer to a folder of its own."""
    pytest.importorskip("tensorboardX")
    with SummaryWriter(tmp_path) as made:
        yield made


def test_numbers(writer: SummaryWriter, tmp_path: Path) -> None:
    x = brasa.tensor([2.5], requires_grad=True)
    writer.add_scalar("loss", x.sum() * 2, brasa.tensor(7))
    writer.add_scalar("half", brasa.tensor(1.5, dtype=brasa.bfloat16), 1, walltime=3.0)
    writer.add_scalars("both", {"a": brasa.tensor(1), "b": 2.0}, 3)
    samples = brasa.tensor([[0.0, 1.0], [1.0, 4.0]], requires_grad=True)
    writer.add_histogram("weights", samples, 2, bins=brasa.tensor([0.0, 0.5, 2.0, 5.0]))
    writer.add_pr_curve("curve", brasa.tensor([True, False, True]), brasa.tensor([0.9, 0.2, 0.6]), 1, num_thresholds=5)
    writer.add_hparams({"lr": brasa.tensor(0.5), "name": "sgd"}, {"accuracy": brasa.tensor(0.75)}, run_name="run")
    writer.close()
    found = values(tmp_path)
    step, loss = found["loss"]
    assert (step, loss.simple_value) == (7, 5.0)
    assert found["half"][1].simple_value == 1.5
    assert next(event.wall_time for event in events(tmp_path) if event.summary.value[:1] and
                event.summary.value[0].tag == "half") == 3.0  # fmt: skip
    assert sorted(event.summary.value[0].simple_value for event in events(tmp_path) if event.step == 3) == [1.0, 2.0]
    histogram = found["weights"][1].histo
    assert (histogram.num, histogram.sum, histogram.min, histogram.max) == (4, 6.0, 0.0, 4.0)
    assert [count for count in histogram.bucket if count] == [1, 2, 1]
    curve = np.array(found["curve"][1].tensor.float_val).reshape(6, 5)
    assert curve[0].tolist() == [2.0, 2.0, 2.0, 1.0, 0.0]  # true positives at 0, 1/4, 1/2, 3/4, 1
    assert found["accuracy"][1].simple_value == 0.75


def test_pictures(writer: SummaryWriter, tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    picture = brasa.rand(3, 4, 6)
    writer.add_image("picture", picture.requires_grad_(), 1)
    writer.add_images("batch", picture.detach()[None].to(brasa.bfloat16))
    writer.add_image_with_boxes("boxes", picture, brasa.tensor([[1.0, 1.0, 4.0, 3.0]]))
    writer.close()
    found = values(tmp_path)
    png = np.asarray(image.open(io.BytesIO(found["picture"][1].image.encoded_image_string)))
    expected = (picture.detach().numpy().transpose(1, 2, 0) * 255).astype(np.uint8)
    assert np.abs(png.astype(int) - expected.astype(int)).max() <= 1
    assert (found["batch"][1].image.height, found["boxes"][1].image.width) == (4, 6)


def test_figures(writer: SummaryWriter, tmp_path: Path) -> None:
    figure = pytest.importorskip("matplotlib.figure").Figure
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    drawing = figure(figsize=(1, 1), dpi=50)
    FigureCanvasAgg(drawing)
    writer.add_figure("drawing", drawing, 4, close=False)
    writer.close()
    step, value = values(tmp_path)["drawing"]
    assert (step, value.image.height, value.image.width) == (4, 50, 50)


def test_texts_points_and_meshes(writer: SummaryWriter, tmp_path: Path) -> None:
    writer.add_text("notes", "*good*", 2)
    points = brasa.tensor([[1.0, 2.0], [3.0, 4.5]], requires_grad=True)
    writer.add_embedding(points, metadata=brasa.tensor([8, 9]), global_step=3)
    writer.add_mesh("cloud", brasa.rand(1, 5, 3), colors=brasa.ones(1, 5, 3, dtype=brasa.uint8))
    writer.close()
    assert values(tmp_path)["notes/text_summary"][1].tensor.string_val == [b"*good*"]
    assert (tmp_path / "00003" / "default" / "tensors.tsv").read_text() == "1.0\t2.0\n3.0\t4.5\n"
    assert (tmp_path / "00003" / "default" / "metadata.tsv").read_text() == "8\n9\n"
    cloud = next(value for tag, (_, value) in values(tmp_path).items() if tag.startswith("cloud"))
    assert [dim.size for dim in cloud.tensor.tensor_shape.dim][-1] == 3


class Net(nn.Module):
    """A layer in a layer."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))

    def forward(self, x: brasa.Tensor) -> brasa.Tensor:
        """Two ops outside of it."""
        return (self.body(x) * 2).relu()


def test_graphs(writer: SummaryWriter, tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    from tensorboardX.proto.graph_pb2 import GraphDef

    model = Net()
    writer.add_graph(model, (brasa.ones(4, 3),), verbose=True)
    writer.close()
    assert model.training and model.body[1].training
    (graph,) = [GraphDef.FromString(event.graph_def) for event in events(tmp_path) if event.graph_def]
    nodes = {node.name: node for node in graph.node}
    assert nodes["Net/body/0/weight"].op == "param"
    (linear,) = [node for node in graph.node if node.op == "linear"]
    assert linear.name.startswith("Net/body/0/linear_")
    assert list(linear.input) == ["Net/x", "Net/body/0/weight", "Net/body/0/bias"]
    assert [dim.size for dim in linear.attr["_output_shapes"].list.shape[0].dim] == [4, 2]
    (output,) = [node for node in graph.node if node.op == "output"]
    assert nodes[output.input[0]].op == "relu"
    assert all(operand in nodes for node in graph.node for operand in node.input)
    with pytest.raises(TypeError, match="add_graph: input_to_model must be a tensor, or a list or tuple of tensors"):
        writer.add_graph(model)


def test_wrong_numbers(writer: SummaryWriter) -> None:
    with pytest.raises(brasa.BrasaError, match="add_scalar: a tensor with 2 elements is not one number"):
        writer.add_scalar("x", brasa.ones(2))


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ImportError, match=r'SummaryWriter needs tensorboardX: pip install "brasa\[tensorboard\]"'):
        SummaryWriter()


def test_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tensorboardX")
    monkeypatch.chdir(tmp_path)
    with SummaryWriter(comment="-first") as made:
        made.add_scalar("x", 1)
        made.flush()
        assert made.get_logdir() == made.log_dir
        assert made.log_dir.startswith("runs/") and made.log_dir.endswith("-first")
    assert list(events(tmp_path / made.log_dir))
