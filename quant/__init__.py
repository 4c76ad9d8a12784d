"""PyTorch and Brevitas: the network, its data, training and QONNX export."""
