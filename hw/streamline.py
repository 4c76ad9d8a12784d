"""QONNX -> streamlined graph: every scale is moved out of the way, what remains computes in integers."""

import numpy as np
from finn.transformation.qonnx.convert_qonnx_to_finn import ConvertQONNXtoFINN
from finn.transformation.streamline.absorb import AbsorbConsecutiveTransposes, AbsorbTransposeIntoMultiThreshold
from finn.transformation.streamline.reorder import MoveMulPastMaxPool
from finn.transformation.streamline.round_thresholds import RoundAndClipThresholds
from finn.transformation.streamline.streamline_plus import StreamlinePlus
from onnx import NodeProto, helper
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp
from qonnx.transformation.base import Transformation
from qonnx.transformation.gemm_to_matmul import GemmToMatMul
from qonnx.transformation.infer_datatypes import InferDataTypes
from qonnx.transformation.infer_shapes import InferShapes
from qonnx.transformation.lower_convs_to_matmul import LowerConvsToMatMul
from qonnx.util.basic import get_by_name

from hw.graph import tidy
from quant import qonnx_ops

_NCHW_TO_NHWC = [0, 2, 3, 1]
_NHWC_TO_NCHW = [0, 3, 1, 2]


def _is_shift(node: NodeProto) -> bool:
    return node.op_type == "TemporalShift" and node.domain == qonnx_ops.DOMAIN


def _swap(model: ModelWrapper, first: NodeProto, second: NodeProto) -> None:
    """Turn a -> first -> second -> b into a -> second -> first -> b; shapes are inferred by the caller.

    The graph holds a copy of `second` afterwards, `first` is still the graph's own.
    """
    before, between, after = first.input[0], first.output[0], second.output[0]
    second.input[0], second.output[0] = before, between
    first.input[0], first.output[0] = between, after
    nodes = model.graph.node
    position = list(nodes).index(first)
    nodes.remove(second)
    nodes.insert(position, second)


class GiveGemmABias(Transformation):
    """qonnx 1.0's GemmToMatMul reads a bias that the exporter leaves out where it is zero."""

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        for node in model.graph.node:
            if node.op_type == "Gemm" and len(node.input) == 2:
                name = f"{node.output[0]}_zero_bias"
                outputs = model.get_tensor_shape(node.output[0])[-1]
                model.set_initializer(name, np.zeros(outputs, dtype=np.float32))
                node.input.append(name)
        return model, False


class GiveEachLayerItsOwnWeights(Transformation):
    """The exporter keeps equal tensors once, so layers with the same weights share a Quant node, which FINN refuses."""

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        for node in list(model.get_nodes_by_op_type("Quant")):
            if model.get_initializer(node.input[0]) is None:
                continue
            for number, consumer in enumerate(model.find_consumers(node.output[0])[1:]):
                own = NodeProto()
                own.CopyFrom(node)
                own.output[0] = f"{node.output[0]}_{number}"
                model.set_tensor_shape(own.output[0], model.get_tensor_shape(node.output[0]))
                consumer.input[list(consumer.input).index(node.output[0])] = own.output[0]
                model.graph.node.insert(0, own)
        return model, False


class SpatialMeanToGlobalAveragePool(Transformation):
    """PyTorch's dynamo exporter writes the global average pool as a ReduceMean over both image axes."""

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        for position, node in enumerate(model.graph.node):
            if node.op_type != "ReduceMean" or len(model.get_tensor_shape(node.input[0])) != 4:
                continue
            pool = helper.make_node("GlobalAveragePool", [node.input[0]], [node.output[0]])
            model.graph.node.remove(node)
            model.graph.node.insert(position, pool)
        return model.transform(InferShapes()), False


class MoveScalarMulPastTemporalShift(Transformation):
    """s*x -> shift becomes x -> shift -> s*: valid because the shift's reset value is 0 (and so not for an Add)."""

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        for node in model.graph.node:
            if not _is_shift(node):
                continue
            scale = model.find_producer(node.input[0])
            if scale is None or scale.op_type != "Mul" or len(model.find_consumers(scale.output[0])) != 1:
                continue
            factor = model.get_initializer(scale.input[1])
            if factor is None or factor.size != 1:
                continue
            _swap(model, scale, node)
            return model.transform(InferShapes()).transform(InferDataTypes()), True
        return model, False


class TemporalShiftToNHWC(Transformation):
    """shift(NCHW) -> Transpose becomes Transpose -> shift(NHWC), so that the transpose meets its inverse."""

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        for node in model.graph.node:
            if not _is_shift(node) or getCustomOp(node).get_nodeattr("data_layout") != "NCHW":
                continue
            consumers = model.find_consumers(node.output[0])
            if len(consumers) != 1 or consumers[0].op_type != "Transpose":
                continue
            if list(get_by_name(consumers[0].attribute, "perm").ints) != _NCHW_TO_NHWC:
                continue
            batch, channels, height, width = model.get_tensor_shape(node.input[0])
            _swap(model, node, consumers[0])
            model.set_tensor_shape(node.input[0], [batch, height, width, channels])
            getCustomOp(node).set_nodeattr("data_layout", "NHWC")
            return model.transform(InferShapes()).transform(InferDataTypes()), True
        return model, False


class MaxPoolToNHWC(Transformation):
    """Transpose -> MaxPool becomes MaxPoolNHWC -> Transpose. FINN's own pass breaks a max pool that feeds a fork."""

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        for node in model.graph.node:
            transpose = model.find_producer(node.input[0]) if node.op_type == "MaxPool" else None
            if transpose is None or transpose.op_type != "Transpose" or model.is_fork_node(transpose):
                continue
            if list(get_by_name(transpose.attribute, "perm").ints) != _NHWC_TO_NCHW:
                continue
            batch, channels, height, width = model.get_tensor_shape(node.output[0])
            node.op_type, node.domain = "MaxPoolNHWC", "qonnx.custom_op.general"
            _swap(model, transpose, node)
            model.set_tensor_shape(transpose.input[0], [batch, height, width, channels])
            return model.transform(InferShapes()).transform(InferDataTypes()), True
        return model, False


class OneChannelIsDense(Transformation):
    """qonnx takes a convolution of one channel to one for a depthwise one, for which FINN has no RTL; it is both."""

    def apply(self, model: ModelWrapper) -> tuple[ModelWrapper, bool]:
        for node in model.get_nodes_by_op_type("Im2Col"):
            product = model.find_direct_successors(node)[0]
            if getCustomOp(node).get_nodeattr("depthwise") and model.get_tensor_shape(node.input[0])[-1] == 1:
                getCustomOp(node).set_nodeattr("depthwise", 0)
                model.set_tensor_sparsity(product.input[1], None)
        return model, False


def _transposes(model: ModelWrapper) -> int:
    return len(model.get_nodes_by_op_type("Transpose"))


def streamline(model: ModelWrapper) -> ModelWrapper:
    """Turn a cleaned QONNX model of uint8 frames into integer operations with multi-thresholds between them.

    What is left of the scales is one factor behind the classifier.
    """
    for fix in (GiveEachLayerItsOwnWeights(), GiveGemmABias(), GemmToMatMul(), SpatialMeanToGlobalAveragePool()):
        model = model.transform(fix)
    model = tidy(tidy(model).transform(ConvertQONNXtoFINN()))
    model.set_tensor_datatype(model.graph.input[0].name, DataType["UINT8"])
    # A scale left between a max pool and a fork would lead StreamlinePlus into a cyclic graph.
    model = tidy(model.transform(MoveMulPastMaxPool()))
    model = model.transform(StreamlinePlus()).transform(MoveScalarMulPastTemporalShift())
    model = tidy(model.transform(StreamlinePlus()))

    model = model.transform(LowerConvsToMatMul()).transform(OneChannelIsDense())
    before, left = 0, _transposes(model)
    while left != before:  # each round moves the transposes past one more shift or pool, until they meet and vanish
        for transformation in (TemporalShiftToNHWC(), MaxPoolToNHWC(), StreamlinePlus()):
            model = model.transform(transformation)
        before, left = left, _transposes(model)
    for transposes in (AbsorbTransposeIntoMultiThreshold(), AbsorbConsecutiveTransposes()):
        model = model.transform(transposes)
    return tidy(tidy(model).transform(RoundAndClipThresholds()))
