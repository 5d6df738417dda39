"""MobileNetV2 (Sandler et al., Inverted Residuals and Linear Bottlenecks, 2018).

Modules and parameter names are those of torchvision, so that its checkpoints
load here.
"""

import torch
from torch import nn

from .resnet import randomize_batch_norm

# Expansion factor, output channels, blocks, stride of the first block:
# table 2 of the paper.
STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def round_channels(channels, divisor=8):
    """The nearest multiple of `divisor` that loses at most a tenth."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


def conv_bn_relu6(channels_in, channels_out, kernel=3, stride=1, groups=1):
    """A convolution that keeps the size (stride 1), batch norm and ReLU6."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, kernel, stride, kernel // 2,
                  groups=groups, bias=False),
        nn.BatchNorm2d(channels_out),
        nn.ReLU6(inplace=True),
    )


class InvertedResidual(nn.Module):
    """Expand 1x1, depthwise 3x3, project 1x1; a shortcut where shapes allow."""

    def __init__(self, channels_in, channels_out, stride, expansion):
        super().__init__()
        hidden = channels_in * expansion
        self.use_res_connect = stride == 1 and channels_in == channels_out
        layers = []
        if expansion != 1:
            layers.append(conv_bn_relu6(channels_in, hidden, kernel=1))
        layers += [
            conv_bn_relu6(hidden, hidden, stride=stride, groups=hidden),
            nn.Conv2d(hidden, channels_out, 1, bias=False),
            nn.BatchNorm2d(channels_out),
        ]
        self.conv = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.use_res_connect:
            return x + self.conv(x)
        return self.conv(x)


class MobileNetV2(nn.Module):
    """Maps images ``[batch, 3, height, width]`` to logits ``[batch, classes]``.

    `width_mult` scales the channels of all stages.
    """

    def __init__(self, classes=1000, width_mult=1.0):
        super().__init__()
        channels = round_channels(32 * width_mult)
        last = round_channels(1280 * max(1.0, width_mult))
        features = [conv_bn_relu6(3, channels, stride=2)]
        for expansion, stage_channels, blocks, stride in STAGES:
            channels_out = round_channels(stage_channels * width_mult)
            for block in range(blocks):
                features.append(InvertedResidual(
                    channels, channels_out, stride if block == 0 else 1, expansion))
                channels = channels_out
        features.append(conv_bn_relu6(channels, last, kernel=1))
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(last, classes))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.features(x)
        x = nn.functional.adaptive_avg_pool2d(x, (1, 1))
        return self.classifier(torch.flatten(x, 1))


def mobilenet_v2(seed=0, **kwargs):
    """MobileNetV2 in eval mode whose weights depend on `seed` alone."""
    torch.manual_seed(seed)
    model = MobileNetV2(**kwargs)
    randomize_batch_norm(model)
    return model.eval()
