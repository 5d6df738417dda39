"""torchc.runtime, as the first page of its docs uses it."""
import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

import torchc
from torchc.runtime import Config, SystemContext, VmModule, load_vm_flatbuffer, load_vm_module


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.count = torch.nn.Buffer(torch.zeros((), dtype=torch.int64))

    def forward(self, x):
        self.count += 1
        return {"y": x * 2 + 1, "count": self.count.clone()}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("runtime") / "model.vmfb"
    torchc.compile(Model(), torch.ones(4), dynamic_shapes=({0: torch.export.Dim.DYNAMIC},)).save(path)
    return path


X = np.arange(6, dtype=np.float32)


@pytest.mark.parametrize("driver", ["local-sync", "local-task"])
def test_first_page(path, driver):
    context = SystemContext(config=Config(driver))
    context.add_vm_module(VmModule.mmap(context.instance, path))
    result = context.modules.model.forward(X)["y"]
    np.testing.assert_array_equal(result.to_host(), X * 2 + 1)
    assert np.asarray(result).ctypes.data == result.to_host().ctypes.data
    assert result.shape == (6,) and result.dtype == np.float32 and result[1] == 3
    assert torch.from_dlpack(result).tolist() == result.to_host().tolist()
    assert (1 - result + result / 2).tolist() == (1 - (X * 2 + 1) / 2).tolist() and (np.maximum(result, 5) == np.maximum(X * 2 + 1, 5)).all()


def test_buffers(path):
    content = path.read_bytes()
    aligned = np.empty(len(content) + 64, np.uint8)
    start = -aligned.ctypes.data % 64
    aligned[start:start + len(content)] = np.frombuffer(content, np.uint8)
    view = memoryview(aligned)[start:start + len(content)]
    for module in (VmModule.copy_buffer(None, content), VmModule.from_flatbuffer(None, content),
                   VmModule.from_flatbuffer(None, view), VmModule.wrap_buffer(None, view)):
        assert load_vm_module(module).forward(X)["count"].to_host() == 1
    with pytest.raises(torchc.LoadError, match="align"):
        VmModule.wrap_buffer(None, memoryview(aligned)[start + 1:])
    with pytest.raises(torchc.LoadError, match="none.vmfb: No such file"):
        VmModule.mmap(None, path.parent / "none.vmfb")
    (path.parent / "empty.vmfb").touch()
    with pytest.raises(torchc.LoadError, match="empty.vmfb"):
        VmModule.mmap(None, path.parent / "empty.vmfb")


def test_state_is_each_contexts_own(path):
    module = VmModule.mmap(None, path)
    first, second = (load_vm_module(module) for _ in range(2))
    first.forward(X)
    assert first.forward(X)["count"].to_host() == 2 and second.forward(X)["count"].to_host() == 1
    first.reset()
    assert first.state()["count"] == 0


def test_names_that_there_are_not(path):
    context = SystemContext([VmModule.mmap(None, path)])
    with pytest.raises(AttributeError, match="no module 'other'; there are: model"):
        context.modules.other
    with pytest.raises(AttributeError, match="no function 'backward'; there are: forward"):
        context.modules.model.backward
    with pytest.raises(torchc.RunError, match="has a module 'model'"):
        context.add_vm_module(VmModule.mmap(None, path))
    with pytest.raises(ValueError, match="unknown driver 'cuda'; there are: local-sync, local-task"):
        Config("cuda")


def test_futures(path):
    function = load_vm_flatbuffer(path.read_bytes()).forward
    futures = [function.invoke_async(X + i) for i in range(4)]
    for i, future in enumerate(futures):
        result = future.result()
        np.testing.assert_array_equal(result["y"], (X + i) * 2 + 1)
        assert result["count"].to_host() == i + 1
    with pytest.raises(torchc.RunError, match="must be"):
        function.invoke_async(np.ones(3)).result()


def test_profile_and_trace(path, tmp_path):
    module = load_vm_module(VmModule.mmap(None, path))
    with module.profile() as profile:
        module.forward(X)
    module.forward(X)
    kernel, calls, seconds, ops, lines = max(profile.table(), key=lambda row: "mul" in row[0])
    assert calls == 1 and seconds > 0 and any(line.startswith(f"{__file__}:") for line in lines), profile.table()
    profile.save_trace(tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert {event["name"] for event in events} >= {kernel}


def test_bfloat16():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    program = torchc.compile(lambda x: x + x, torch.ones(3, dtype=torch.bfloat16))
    module = load_vm_flatbuffer(pickle.loads(pickle.dumps(program))._read())
    y = module.forward(np.array([1.5, -2, 3], ml_dtypes.bfloat16)).to_host()
    assert y.dtype == ml_dtypes.bfloat16 and y.tolist() == [3, -4, 6]
    with pytest.raises(torchc.RunError, match="is 3xu16, must be 3xbf16"):
        module.forward(np.ones(3, np.uint16))


def test_threads_and_processes(path):
    program = torchc.load(path, threads=2)
    with ThreadPoolExecutor(4) as executor:
        results = list(executor.map(lambda i: program(X + i)["y"], range(32)))
    for i, y in enumerate(results):
        np.testing.assert_array_equal(y, (X + i) * 2 + 1)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = int(not np.array_equal(program(X)["y"], X * 2 + 1))
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_imports_no_torch(path):
    code = """
import sys
import numpy as np
from torchc.runtime import VmModule, load_vm_module
y = load_vm_module(VmModule.mmap(None, sys.argv[1])).forward(np.ones(3, np.float32))
assert np.asarray(y["y"]).tolist() == [3, 3, 3]
assert not any(name == "torch" or name.startswith("torch.") for name in sys.modules)
"""
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)


class Deep(torch.nn.Module):
    def forward(self, x):
        for i in range(150):
            x = (x @ x).sin() if i % 2 else (x.cumsum(0) + i).tanh()
        return x


def test_ctrl_c_stops_a_compilation():
    # A shell's background jobs ignore it.
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    text_and_tensors = torch.export.export(Deep(), (torch.ones(7, 7),))
    interrupted = threading.Event()

    def interrupt():
        time.sleep(0.2)
        interrupted.set()
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            torchc.compile(text_and_tensors)
            interrupted.wait()  # Where the compilation was quicker.
            time.sleep(1)
    finally:
        thread.join()
        signal.signal(signal.SIGINT, previous)
    assert torchc.compile(lambda x: x + 1, torch.ones(2))(torch.ones(2)).tolist() == [2, 2]
