"""Recurrent networks of exported programs: loops over time, of any length."""
import pytest
import torch
import torchc

LAYERS = {
    "lstm": lambda: torch.nn.LSTM(4, 5), "lstm-layers": lambda: torch.nn.LSTM(4, 5, 3, batch_first=True),
    "lstm-bidirectional": lambda: torch.nn.LSTM(4, 5, 2, bidirectional=True, batch_first=True),
    "lstm-projection": lambda: torch.nn.LSTM(4, 5, 2, proj_size=3, bidirectional=True),
    "lstm-no-bias": lambda: torch.nn.LSTM(4, 5, bias=False), "gru": lambda: torch.nn.GRU(4, 5, 2, bidirectional=True),
    "gru-no-bias": lambda: torch.nn.GRU(4, 5, bias=False, batch_first=True), "rnn": lambda: torch.nn.RNN(4, 5, 2),
    "rnn-relu": lambda: torch.nn.RNN(4, 5, nonlinearity="relu", bidirectional=True),
}


@pytest.mark.parametrize("length", [1, 7])
@pytest.mark.parametrize("name", LAYERS)
def test_layers(name, length):
    torch.manual_seed(0)
    layer, x = LAYERS[name](), torch.randn(length, length, 4)
    program = torchc.compile(torch.export.export(layer, (x,)))
    torch.testing.assert_close(program(x), layer(x), rtol=1e-5, atol=1e-5)


def test_a_state_that_the_caller_keeps():
    """Two halves of a sequence, of a dynamic batch."""
    torch.manual_seed(0)
    layer, batch = torch.nn.LSTM(4, 5, 2, batch_first=True), torch.export.Dim("batch", max=9)
    x, state = torch.randn(3, 6, 4), (torch.zeros(2, 3, 5), torch.zeros(2, 3, 5))
    shapes = ({0: batch}, ({1: batch}, {1: batch}))
    program = torchc.compile(torch.export.export(layer, (x[:, :3], state), dynamic_shapes=shapes))
    for size in (3, 1, 8):
        x, state = torch.randn(size, 6, 4), (torch.zeros(2, size, 5), torch.zeros(2, size, 5))
        first, middle = program(x[:, :3], state)
        second, last = program(x[:, 3:], middle)
        expected, expected_state = layer(x)
        torch.testing.assert_close((torch.cat([first, second], 1), last), (expected, expected_state), rtol=1e-5, atol=1e-5)


def test_a_long_sequence():
    torch.manual_seed(0)
    layer, x = torch.nn.GRU(4, 5), torch.randn(1000, 2, 4)
    program = torchc.compile(torch.export.export(layer, (x,)))
    torch.testing.assert_close(program(x), layer(x), rtol=1e-4, atol=1e-5)


def test_weights_that_are_constants():
    torch.manual_seed(0)
    layer, x = torch.nn.GRU(4, 5, 2, bidirectional=True), torch.randn(3, 2, 4)
    program = torchc.compile(lambda x: layer(x)[0], (x,))
    torch.testing.assert_close(program(x), layer(x)[0], rtol=1e-5, atol=1e-5)
