"""Logs for TensorBoard, with `torch.utils.tensorboard`'s SummaryWriter; the library tensorboardX writes the files."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from brasa.capture.outline import outline
from brasa.ir.errors import ArgumentError, BrasaError
from brasa.ir.graph import Graph
from brasa.ir.types import TensorType
from brasa.tensors.tensor import Tensor

__all__ = ["SummaryWriter"]

LOGGER = logging.getLogger("brasa")


class SummaryWriter:
    """Writes logs to a folder that TensorBoard shows, as `torch.utils.tensorboard.SummaryWriter`.

    Tensors may stand wherever numbers, arrays or images do: of any dtype and device, and with gradients. global_step
    is the step that a record belongs to, walltime its time in seconds, if not now. ImportError without the library:
    pip install "brasa[tensorboard]".
    """

    def __init__(
        self, log_dir: Any = None, comment: str = "", purge_step: int | None = None, max_queue: int = 10,
        flush_secs: int = 120, filename_suffix: str = "",
    ) -> None:  # fmt: skip
        try:
            import tensorboardX
        except ImportError as error:
            raise ImportError('SummaryWriter needs tensorboardX: pip install "brasa[tensorboard]"') from error
        self._writer = tensorboardX.SummaryWriter(
            logdir=None if log_dir is None else str(log_dir), comment=comment, purge_step=purge_step,
            max_queue=max_queue, flush_secs=flush_secs, filename_suffix=filename_suffix,
        )  # fmt: skip
        self.log_dir: str = self._writer.logdir

    def get_logdir(self) -> str:
        """The folder that the logs are written to."""
        return self.log_dir

    # numbers

    def add_scalar(
        self, tag: str, scalar_value: Any, global_step: Any = None, walltime: float | None = None,
        new_style: bool = False, double_precision: bool = False,
    ) -> None:  # fmt: skip
        """A number; BrasaError for a tensor of several."""
        self._writer.add_scalar(tag, _number(scalar_value, "add_scalar"), _item(global_step), walltime)

    def add_scalars(
        self, main_tag: str, tag_scalar_dict: dict[str, Any], global_step: Any = None, walltime: float | None = None
    ) -> None:  # fmt: skip
        """Several numbers that are drawn together, each in a log of its own."""
        numbers = {tag: _number(value, "add_scalars") for tag, value in tag_scalar_dict.items()}
        self._writer.add_scalars(main_tag, numbers, _item(global_step), walltime)

    def add_histogram(
        self, tag: str, values: Any, global_step: Any = None, bins: Any = "tensorflow", walltime: float | None = None,
        max_bins: int | None = None,
    ) -> None:  # fmt: skip
        """How values are distributed. bins: "tensorflow", a name or list that numpy.histogram takes."""
        values = np.asarray(_plain(values)).reshape(-1)
        self._writer.add_histogram(tag, values, _item(global_step), _plain(bins), walltime, max_bins)

    def add_pr_curve(
        self, tag: str, labels: Any, predictions: Any, global_step: Any = None, num_thresholds: int = 127,
        weights: Any = None, walltime: float | None = None,
    ) -> None:  # fmt: skip
        """Precision and recall at several thresholds. labels: 0 or 1; predictions: between 0 and 1."""
        labels, predictions, weights = map(_plain, (labels, predictions, weights))
        self._writer.add_pr_curve(tag, labels, predictions, _item(global_step), num_thresholds, weights, walltime)

    def add_hparams(
        self, hparam_dict: dict[str, Any], metric_dict: dict[str, Any], hparam_domain_discrete: Any = None,
        run_name: str | None = None, global_step: Any = None,
    ) -> None:  # fmt: skip
        """The hyperparameters of a run and what came of them."""
        hparams = {key: _item(value) for key, value in hparam_dict.items()}
        metrics = {key: _number(value, "add_hparams") for key, value in metric_dict.items()}
        self._writer.add_hparams(hparams, metrics, run_name, _item(global_step))

    # pictures, sounds, texts

    def add_image(
        self, tag: str, img_tensor: Any, global_step: Any = None, walltime: float | None = None,
        dataformats: str = "CHW",
    ) -> None:  # fmt: skip
        """A picture: floats from 0 to 1 or uint8 from 0 to 255, its axes as dataformats says."""
        self._writer.add_image(tag, _plain(img_tensor), _item(global_step), walltime, dataformats)

    def add_images(
        self, tag: str, img_tensor: Any, global_step: Any = None, walltime: float | None = None,
        dataformats: str = "NCHW",
    ) -> None:  # fmt: skip
        """A batch of pictures, side by side."""
        self._writer.add_images(tag, _plain(img_tensor), _item(global_step), walltime, dataformats)

    def add_image_with_boxes(
        self, tag: str, img_tensor: Any, box_tensor: Any, global_step: Any = None, walltime: float | None = None,
        rescale: float = 1, dataformats: str = "CHW", labels: Any = None,
    ) -> None:  # fmt: skip
        """A picture with boxes drawn on it, each as (xmin, ymin, xmax, ymax)."""
        self._writer.add_image_with_boxes(
            tag, _plain(img_tensor), _plain(box_tensor), _item(global_step), walltime, dataformats=dataformats,
            labels=labels, rescale=rescale,
        )  # fmt: skip

    def add_figure(
        self, tag: str, figure: Any, global_step: Any = None, close: bool = True, walltime: float | None = None
    ) -> None:
        """A figure of matplotlib, or a list of them."""
        self._writer.add_figure(tag, figure, _item(global_step), close, walltime)

    def add_video(
        self, tag: str, vid_tensor: Any, global_step: Any = None, fps: int = 4, walltime: float | None = None
    ) -> None:
        """A film: floats or uint8 [films, times, channels, height, width]. Needs moviepy."""
        self._writer.add_video(tag, _plain(vid_tensor), _item(global_step), fps, walltime)

    def add_audio(
        self, tag: str, snd_tensor: Any, global_step: Any = None, sample_rate: int = 44100,
        walltime: float | None = None,
    ) -> None:  # fmt: skip
        """A sound: a vector of floats from -1 to 1. Needs soundfile."""
        self._writer.add_audio(tag, _plain(snd_tensor), _item(global_step), sample_rate, walltime)

    def add_text(self, tag: str, text_string: str, global_step: Any = None, walltime: float | None = None) -> None:
        """A text, in Markdown."""
        self._writer.add_text(tag, text_string, _item(global_step), walltime)

    def add_mesh(
        self, tag: str, vertices: Any, colors: Any = None, faces: Any = None, config_dict: Any = None,
        global_step: Any = None, walltime: float | None = None,
    ) -> None:  # fmt: skip
        """Meshes or clouds of points: vertices [batch, n, 3], colors from 0 to 255, faces of three vertices each."""
        vertices, colors, faces = map(_plain, (vertices, colors, faces))
        self._writer.add_mesh(tag, vertices, colors, faces, config_dict, _item(global_step), walltime)

    def add_embedding(
        self, mat: Any, metadata: Any = None, label_img: Any = None, global_step: Any = None, tag: str = "default",
        metadata_header: Any = None,
    ) -> None:  # fmt: skip
        """Points for the projector: mat [points, features], with a label and a picture for each where given."""
        labels = metadata.tolist() if isinstance(metadata, Tensor) else metadata
        mat, label_img = _plain(mat), _plain(label_img)
        self._writer.add_embedding(mat, labels, label_img, _item(global_step), tag, metadata_header)

    # graphs

    def add_graph(
        self, model: Any, input_to_model: Any = None, verbose: bool = False, use_strict_trace: bool = True
    ) -> None:  # fmt: skip
        """The traced graph of a module, grouped by its layers. input_to_model: a tensor, or a list or tuple of them.

        verbose: also log the graph as text. Nothing is computed; ArgumentError without inputs, BrasaError where the
        course of the program depends on values.
        """
        inputs = input_to_model if isinstance(input_to_model, list | tuple) else [input_to_model]
        if not all(isinstance(each, Tensor) for each in inputs):
            raise ArgumentError("input_to_model must be a tensor, or a list or tuple of tensors", op="add_graph")
        graph = outline(model, [TensorType(tuple(each.shape), each.dtype) for each in inputs])
        if verbose:
            LOGGER.info("%s", graph)
        from tensorboardX.proto.event_pb2 import Event

        self._writer._get_file_writer().add_event(Event(graph_def=drawn(graph).SerializeToString()))

    # the end

    def flush(self) -> None:
        """Let the library's thread write what is still in memory; close() waits until all is written."""
        self._writer.flush()

    def close(self) -> None:
        """Write everything and close the files."""
        self._writer.close()

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


def _plain(value: Any) -> Any:
    """Tensors as NumPy arrays of a dtype that NumPy itself has, in lists and tuples too."""
    if isinstance(value, Tensor):
        value = value.detach().cpu()  # type: ignore[attr-defined]
        return (value.float() if value.dtype.long_name == "bfloat16" else value).numpy()
    if isinstance(value, list | tuple):
        return type(value)(_plain(item) for item in value)
    return value


def _number(value: Any, op: str) -> Any:
    if isinstance(value, Tensor) and value.numel() != 1:
        raise BrasaError(f"a tensor with {value.numel()} elements is not one number", op=op)
    return _item(value)


def _item(value: Any) -> Any:
    return value.item() if isinstance(value, Tensor) else value  # type: ignore[attr-defined]


def drawn(graph: Graph) -> Any:
    """The graph in TensorBoard's form, a GraphDef: each node with its inputs and sizes, in the scope of its layer."""
    from tensorboardX.proto.attr_value_pb2 import AttrValue
    from tensorboardX.proto.graph_pb2 import GraphDef
    from tensorboardX.proto.node_def_pb2 import NodeDef
    from tensorboardX.proto.tensor_shape_pb2 import TensorShapeProto
    from tensorboardX.proto.versions_pb2 import VersionDef

    names: dict[Any, str] = {}
    nodes = []
    for number, node in enumerate((*graph.inputs, *graph.nodes)):
        if node.op.name == "input":
            op, path = node.attrs.get("role") or "input", node.attrs.get("path") or node.attrs["name"]
            names[node] = "/".join([graph.name, *path.split(".")])
        else:
            op = node.attrs["graph"].name if node.op.name == "call" else node.op.name
            scope = node.where.partition(" ")[2]
            names[node] = "/".join([graph.name, *filter(None, scope.split(".")), f"{op}_{number}"])
        made = NodeDef(name=names[node], op=op, input=[names[operand] for operand in node.operands])
        made.attr["type"].CopyFrom(AttrValue(s=str(node.type).encode()))
        if hasattr(node.type, "shape"):
            sizes = [TensorShapeProto.Dim(size=size if isinstance(size, int) else -1) for size in node.type.shape]
            shapes = AttrValue.ListValue(shape=[TensorShapeProto(dim=sizes)])
            made.attr["_output_shapes"].CopyFrom(AttrValue(list=shapes))
        nodes.append(made)
    for number, output in enumerate(graph.outputs):
        nodes.append(NodeDef(name=f"output_{number}", op="output", input=[names[output]]))
    return GraphDef(node=nodes, versions=VersionDef(producer=22))
