"""The compilers and runtimes that are compared, each as a function from a model to a call.

A peer takes (model, inputs, threads, directory), all of torch, and gives back a function without
arguments that runs the model once on those inputs and returns the output as a numpy array or
torch tensor. All run in f32, for this machine's CPU, with the defaults that their documentation
gives to someone who wants the lowest latency.
"""
import io
import os

import torch


def _export(model, inputs):
    examples = getattr(model, "example_inputs", inputs)
    return torch.export.export(model, examples, dynamic_shapes=getattr(model, "dynamic_shapes", None))


def eager(model, inputs, threads, directory):
    """https://docs.pytorch.org/docs/stable/notes/cpu_threading_torchscript_inference.html"""
    torch.set_num_threads(threads)
    return lambda: model(*inputs)


def inductor(model, inputs, threads, directory):
    """torch.compile with frozen weights, which may be laid out anew: torch/_inductor/config.py, `freezing`."""
    import torch._inductor.config as config

    torch.set_num_threads(threads)
    config.freezing = True
    compiled = torch.compile(model, dynamic=hasattr(model, "dynamic_shapes"))
    return lambda: compiled(*inputs)


def onnxruntime(model, inputs, threads, directory):
    """https://onnxruntime.ai/docs/performance/tune-performance/threading.html"""
    import onnxruntime as ort

    path = os.path.join(directory, "model.onnx")
    torch.onnx.export(_export(model, inputs), (), path, dynamo=True, verbose=False)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    feed = {argument.name: value.numpy() for argument, value in zip(session.get_inputs(), inputs)}
    return lambda: session.run(None, feed)[0]


def openvino(model, inputs, threads, directory):
    """https://docs.openvino.ai/2026/openvino-workflow/running-inference/optimize-inference.html"""
    import openvino as ov

    converted = ov.convert_model(_export(model, inputs))
    compiled = ov.compile_model(converted, "CPU", {
        "PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32",
    })
    request = compiled.create_infer_request()
    arrays = [value.numpy() for value in inputs]
    return lambda: request.infer(arrays, share_inputs=True, share_outputs=True)[0]


def iree(model, inputs, threads, directory):
    """https://iree.dev/guides/deployment-configurations/cpu/"""
    import iree.compiler
    import iree.runtime
    from iree.turbine import aot

    bytecode = io.BytesIO()
    aot.export(model, args=inputs, dynamic_shapes=getattr(model, "dynamic_shapes", None)).mlir_module.write_bytecode(bytecode)
    # Kernels of transformers need more stack than the compiler allows them by default.
    binary = iree.compiler.compile_str(bytecode.getvalue(), target_backends=["llvm-cpu"], extra_args=[
        "--iree-llvmcpu-target-cpu=host", "--iree-opt-level=O3", "--iree-opt-data-tiling",
        "--iree-llvmcpu-stack-allocation-limit=262144"])
    iree.runtime.flags.parse_flags(f"--task_topology_group_count={threads}")
    config = iree.runtime.Config("local-sync" if threads == 1 else "local-task")
    context = iree.runtime.SystemContext(config=config)
    context.add_vm_module(iree.runtime.VmModule.copy_buffer(context.instance, binary))
    entry = context.modules.module["main"]
    arrays = [iree.runtime.asdevicearray(config.device, value.numpy()) for value in inputs]
    return lambda: entry(*arrays).to_host()


def torchc(model, inputs, threads, directory):
    import torchc

    program = torchc.compile(_export(model, inputs), threads=threads)
    return lambda: program(*inputs)


# In the order of the table's columns; the ratio of each is to the first.
PEERS = {"eager": eager, "inductor": inductor, "onnxruntime": onnxruntime, "openvino": openvino, "iree": iree,
         "torchc": torchc}
