"""Each step is held to the network's own answer, to autograd along another way, or to an identity that holds exactly."""

import pytest
import torch
import torch.nn.functional as F

from resnet_viz.attribution import steps
from resnet_viz.data import images
from resnet_viz.nets import models, refs, weights

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def net():
    return weights.load(refs.shipped()[0])


@pytest.fixture(scope="module")
def x(net):
    photo = images.read(images.SAMPLES["cat"].read_bytes(), "cat")
    return net.prepare(images.fit(photo, net.spec.size, net.spec.channels, 0)[None])


@pytest.mark.parametrize("place", [(0, 0, 0), (3, 7, 31), (15, 31, 4)])
def test_a_convolutions_number_by_hand_is_torchs(net, x, place) -> None:
    made = F.conv2d(x, net.model.get_parameter("conv1.weight"), padding=1)[0]
    torch.testing.assert_close(torch.tensor(steps.cell(net.model, x, *place).value), made[place])
    torch.testing.assert_close(steps.convolved(net.model, x), made)


def test_a_convolution_moves_with_its_image(net, x) -> None:
    assert steps.moved(net.model, x) < 1e-5


def test_relu_leaves_what_goes_into_the_first_block(net, x) -> None:
    before, after = steps.rectified(net.model, x)
    torch.testing.assert_close(after[None], steps.entering(net.model, x, 1))
    assert torch.equal(after, before.clamp(min=0))
    assert (steps.rectified(net.model, x, -1.0)[1] == 0).sum() > (after == 0).sum()


@pytest.mark.parametrize("number", [1, 2, 9])
def test_the_slope_of_the_sum_is_that_of_the_branch_and_one(net, x, number) -> None:
    """y = x + F(x), so ∂y/∂x = ∂F/∂x + 1; F's slope is also that of the branch's own layers, called one by one."""
    block = models.blocks(net.model)[number - 1]
    row = column = 3
    slope = steps.slopes(net.model, x, number, 5, row, column)
    assert slope.total == pytest.approx(slope.branch + 1, abs=1e-5)
    h = steps.entering(net.model, x, number).detach().requires_grad_()
    f = block.bn2(block.conv2(torch.relu(block.bn1(block.conv1(h)))))
    (own,) = torch.autograd.grad(f[0, 5, row, column], h)
    assert slope.branch == pytest.approx(float(own[0, 5, row, column]), abs=1e-5)


def test_a_blocks_addition_reaches_forward_and_never_back(net, x) -> None:
    changes = steps.reach(net.model, x, 4)
    assert changes[:3].tolist() == [0, 0, 0]
    assert bool((changes[3:] > 0.01).all())


def test_the_end_worked_out_by_hand_is_the_networks_answer_and_forgets_places(net, x) -> None:
    with torch.no_grad():
        logits = net.model(x)[0]
    torch.testing.assert_close(steps.ending(net.model, x).logits, logits)
    mixed = steps.ending(net.model, x, shuffled=True)
    assert not torch.equal(mixed.maps, steps.ending(net.model, x).maps)
    torch.testing.assert_close(mixed.logits, logits)


def test_a_step_of_descent_is_that_of_torchs_own_sgd(net, x) -> None:
    rates = [1e-4, 0.01, 0.1]
    found = steps.descent(net.model, x, 3, rates)
    kept = {name: value.clone() for name, value in net.model.state_dict().items()}
    for rate, after in zip(rates, found.after, strict=True):
        twin = models.build(net.spec)
        twin.load_state_dict(kept)
        twin.eval()
        sgd = torch.optim.SGD(twin.parameters(), lr=rate)
        loss = F.cross_entropy(twin(x), torch.tensor([3]))
        assert found.before == pytest.approx(float(loss.detach()), rel=1e-5)
        loss.backward()
        sgd.step()
        with torch.no_grad():
            torch.testing.assert_close(F.cross_entropy(twin(x), torch.tensor([3])), after, rtol=1e-4, atol=1e-5)
    assert all(torch.equal(value, kept[name]) for name, value in net.model.state_dict().items())


def test_a_small_step_lowers_the_loss_by_the_rate_times_the_gradient_squared(net, x) -> None:
    """To first order L(w − ηg) = L(w) − η‖g‖²."""
    found = steps.descent(net.model.double(), x.double(), 0, [1e-7])
    net.model.float()
    assert (found.before - float(found.after[0])) / 1e-7 == pytest.approx(found.gradient**2, rel=0.01)


def test_after_a_step_of_rate_0_other_images_are_what_they_were(net, x) -> None:
    others = torch.cat([x.flip(3), x.roll(8, 2)])
    with torch.no_grad():
        said = net.model(others).argmax(1)
    assert torch.equal(steps.after_step(net.model, x, 3, 0.0, others), said)
