"""A network of your own beside its plain twin, on scikit-learn's digits: live on the app's pages, then asked why.

    python examples/own_network.py                # while `resnet-viz app` runs from the same folder, see Twins and Runs

Half a minute on a laptop. Put your own network in the place of `Net`; what watches it are the lines with `rv.`.
"""

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import Tensor, nn

import resnet_viz as rv

DEPTH, WIDTH, EPOCHS, BATCH = 12, 16, 3, 128


class Block(nn.Module):
    """Two convolutions and a skip, as most people write it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(WIDTH, WIDTH, 3, padding=1, bias=False), nn.BatchNorm2d(WIDTH)
        self.conv2, self.bn2 = nn.Conv2d(WIDTH, WIDTH, 3, padding=1, bias=False), nn.BatchNorm2d(WIDTH)

    def forward(self, x: Tensor) -> Tensor:  # (B, WIDTH, H, W)
        out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        out += x
        return F.relu(out)


class Net(nn.Module):
    """A convolution, DEPTH blocks and a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, WIDTH, 3, padding=1)
        self.blocks = nn.Sequential(*(Block() for _ in range(DEPTH)))
        self.head = nn.Linear(WIDTH, 10)

    def forward(self, x: Tensor) -> Tensor:  # (B, 1, 8, 8) → (B, 10)
        return self.head(self.blocks(F.relu(self.stem(x))).mean((2, 3)))


def main() -> None:
    torch.manual_seed(0)
    digits, labels = load_digits(return_X_y=True)
    x = torch.tensor(digits / 16, dtype=torch.float32).reshape(-1, 1, 8, 8)  # (1797, 1, 8, 8)
    y = torch.tensor(labels)
    model = Net()
    plain = rv.plain_twin(model)  # the same layers and weights, every skip taken out

    with rv.watch(model, name="mine") as mine, rv.watch(plain, name="mine, plain", beside=mine) as twin:
        nets = [
            (net, watch, torch.optim.Adam(net.parameters(), 0.003)) for net, watch in ((model, mine), (plain, twin))
        ]
        losses = {}
        for _ in range(EPOCHS):
            for rows in torch.randperm(len(x)).split(BATCH)[:-1]:  # whole batches
                for net, watch, optimizer in nets:
                    logits = net(x[rows])
                    loss = F.cross_entropy(logits, y[rows])
                    optimizer.zero_grad()
                    loss.backward()
                    watch.step(loss, optimizer, logits=logits, target=y[rows])
                    optimizer.step()
                    losses[net] = loss.item()

    for name, net in (("with skips", model), ("without", plain)):
        why = rv.explain(net, x[:1], method="grad-cam", target=int(y[0]))
        print(f"{name}: last loss {losses[net]:.2f}; Grad-CAM of a {y[0]} at {why.layer}:", *why.messages or ["a map"])


if __name__ == "__main__":
    main()
