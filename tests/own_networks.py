"""Networks as a user of PyTorch would write them: none is known to the package by name."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class BasicBlock(nn.Module):
    """Of a residual network: He et al., *Deep residual learning*, 2016."""

    def __init__(self, before, after, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride > 1 or before != after:
            self.downsample = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))

    def forward(self, x):
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    """ResNet-18 with four stages of two blocks; fewer or narrower ones for tests."""

    def __init__(self, widths=(64, 128, 256, 512), blocks=2, classes=1000, channels=3, large_stem=True):
        super().__init__()
        size, stride = (7, 2) if large_stem else (3, 1)
        first = [nn.Conv2d(channels, widths[0], size, stride, size // 2, bias=False), nn.BatchNorm2d(widths[0])]
        first += [nn.ReLU(inplace=True), *([nn.MaxPool2d(3, 2, 1)] if large_stem else [])]
        self.stem = nn.Sequential(*first)
        stages, before = [], widths[0]
        for number, width in enumerate(widths):
            for block in range(blocks):
                stages.append(BasicBlock(before, width, 2 if number > 0 and block == 0 else 1))
                before = width
        self.stages = nn.Sequential(*stages)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(before, classes)

    def forward(self, x):
        return self.fc(torch.flatten(self.avgpool(self.stages(self.stem(x))), 1))


class Encoder(nn.Module):
    """A pre-norm encoder block with fused attention: Dosovitskiy et al., *An image is worth 16 x 16 words*, 2021."""

    def __init__(self, width, heads, hidden):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))

    def forward(self, x):
        count, tokens, width = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(count, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        y = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(count, tokens, width)
        x = x + self.out(y)
        return x + self.mlp(self.norm2(x))


class ViT(nn.Module):
    """A vision transformer that classifies from its class token; the input of ``head`` is its knowledge."""

    def __init__(self, size=32, patch=8, width=24, depth=3, heads=3, classes=10, channels=3):
        super().__init__()
        self.embed = nn.Conv2d(channels, width, patch, patch)
        self.token = nn.Parameter(torch.randn(1, 1, width) * 0.02)
        self.positions = nn.Parameter(torch.randn(1, (size // patch) ** 2 + 1, width) * 0.02)
        self.blocks = nn.Sequential(*(Encoder(width, heads, 4 * width) for _ in range(depth)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        x = self.embed(x).flatten(2).transpose(1, 2)
        x = torch.cat((self.token.expand(len(x), -1, -1), x), 1) + self.positions
        return self.head(self.norm(self.blocks(x))[:, 0])


SMALL = (
    (3, 16, 16, True, "re", 2),
    (3, 72, 24, False, "re", 2),
    (3, 88, 24, False, "re", 1),
    (5, 96, 40, True, "hs", 2),
    (5, 240, 40, True, "hs", 1),
    (5, 240, 40, True, "hs", 1),
    (5, 120, 48, True, "hs", 1),
    (5, 144, 48, True, "hs", 1),
    (5, 288, 96, True, "hs", 2),
    (5, 576, 96, True, "hs", 1),
    (5, 576, 96, True, "hs", 1),
)
"""MobileNetV3-Small: kernel, expanded filters, filters, squeeze and excite, rectifier, stride."""


class SqueezeExcite(nn.Module):
    def __init__(self, width):
        super().__init__()
        narrow = squeezed(width)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.narrow, self.widen = nn.Conv2d(width, narrow, 1), nn.Conv2d(narrow, width, 1)

    def forward(self, x):
        return x * functional.hardsigmoid(self.widen(functional.relu(self.narrow(self.pool(x)))))


def squeezed(width):
    """A quarter of the filters, rounded to a multiple of 8, and not by more than a tenth down."""
    rounded = max(8, int(width / 4 + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * width / 4 else rounded


class Inverted(nn.Module):
    def __init__(self, before, kernel, wide, after, excite, kind, stride):
        super().__init__()
        rectify = nn.Hardswish if kind == "hs" else nn.ReLU
        layers = []
        if wide != before:
            layers += [nn.Conv2d(before, wide, 1, bias=False), nn.BatchNorm2d(wide), rectify()]
        layers += [nn.Conv2d(wide, wide, kernel, stride, kernel // 2, groups=wide, bias=False), nn.BatchNorm2d(wide)]
        layers += [rectify(), *([SqueezeExcite(wide)] if excite else [])]
        layers += [nn.Conv2d(wide, after, 1, bias=False), nn.BatchNorm2d(after)]
        self.layers, self.adds = nn.Sequential(*layers), stride == 1 and before == after

    def forward(self, x):
        return x + self.layers(x) if self.adds else self.layers(x)


class MobileNetV3(nn.Module):
    """MobileNetV3-Small: Howard et al., *Searching for MobileNetV3*, 2019."""

    def __init__(self, classes=1000):
        super().__init__()
        layers, before = [nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.Hardswish()], 16
        for kernel, wide, after, excite, kind, stride in SMALL:
            layers.append(Inverted(before, kernel, wide, after, excite, kind, stride))
            before = after
        layers += [nn.Conv2d(before, 576, 1, bias=False), nn.BatchNorm2d(576), nn.Hardswish()]
        self.features, self.pool = nn.Sequential(*layers), nn.AdaptiveAvgPool2d(1)
        self.head = nn.Sequential(nn.Linear(576, 1024), nn.Hardswish(), nn.Dropout(0.2), nn.Linear(1024, classes))

    def forward(self, x):
        return self.head(self.pool(self.features(x)).flatten(1))


class Recurrent(nn.Module):
    """Reads an image row by row, with one of PyTorch's recurrent layers."""

    def __init__(self, kind=nn.GRU, width=28, hidden=20, layers=2, classes=10, bidirectional=False):
        super().__init__()
        self.cells = kind(width, hidden, layers, batch_first=True, bidirectional=bidirectional)
        self.head = nn.Linear(hidden * (2 if bidirectional else 1), classes)

    def forward(self, x):
        return self.head(self.cells(x.flatten(1, 2))[0][:, -1])
