"""Recorded runs of torch: what is in them, what they find, and that they change nothing."""

import threading

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import gradcheck  # noqa: E402
from gradcheck.errors import BadInput, NotRecorded  # noqa: E402
from tests.capture import fuzz  # noqa: E402


def net(seed=0):
    """Return a small module with what has state: batch norm, dropout."""
    torch.manual_seed(seed)
    return torch.nn.Sequential(
        torch.nn.Linear(4, 6), torch.nn.BatchNorm1d(6), torch.nn.ReLU(inplace=True), torch.nn.Dropout(0.3), torch.nn.Linear(6, 3)
    )


def patched():
    """Return everything of torch that a recording replaces for a time."""
    modules = torch.nn.modules.module
    tensor = {k: torch.Tensor.__dict__.get(k) for k in ("numpy", "tolist", "data_ptr", "__dlpack__")}
    return (
        torch.autograd.Function.__dict__["apply"], dict(torch.autograd.function._SingleLevelFunction.__dict__), torch.autograd.backward, tensor, dict(modules._global_forward_hooks),
        dict(modules._global_forward_pre_hooks),
    )  # fmt: skip


def wrong_backward():
    """Return a Function whose backward is 1.01 times the derivative."""

    class Custom(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return torch.sin(x)

        @staticmethod
        def backward(ctx, g):
            return 1.01 * g * torch.cos(ctx.saved_tensors[0])

    return Custom


def test_a_module_is_certified_with_places():
    """A module passes; nodes have the path of their module, and file and line outside of torch."""
    recording = gradcheck.record(net(), torch.randn(5, 4))
    row = recording.validate()
    assert (row.verdict, row.evidence, row.dtype, row.target) == ("pass", "certified", "float32", "torch")
    assert {recording.places[n.name].module for n in recording.graph.nodes} >= {"0", "1", "2", "4"}
    assert recording.coverage.unjudged == 0
    assert set(recording.run.gradients) == {"0.weight", "0.bias", "1.weight", "1.bias", "4.weight", "4.bias"}
    assert any(p.file == __file__ for p in gradcheck.record(torch.sin, torch.randn(3)).places.values())


def test_a_fault_names_its_node_and_line():
    """A wrong backward fails by its factor, with the line that called it."""
    custom = wrong_backward()

    def f(x):
        y = torch.tanh(x)
        return (custom.apply(y) * y).sum()

    row = gradcheck.record(f, torch.randn(4, dtype=torch.float64)).validate()
    assert row.verdict == "fail"
    assert row.location == f"{__file__}:{f.__code__.co_firstlineno + 2}"
    assert "1.01 times the right one" in row.message
    assert "Custom.backward" in row.message


def test_a_wrong_hook_of_one_function_is_found():
    """What one operation hands on wrongly is found at this operation, by the edge, where a value has several uses."""
    x = torch.randn(6, 6, dtype=torch.float64)

    def f(w):
        y = torch.exp(w)
        z = torch.sin(y)
        z.grad_fn.register_hook(lambda inputs, _: tuple(g * (1 + 1e-9) for g in inputs))
        return (z + y * y).sum()

    row = gradcheck.record(f, x).validate()
    fault = next(f for f in row.findings if f.severity == "fault")
    assert (row.verdict, fault.node, fault.op) == ("fail", "exp1", "sin")


@pytest.mark.parametrize("fail", [False, True])
def test_recording_changes_nothing(fail):
    """Gradients, buffers, random state, hooks and patched functions are as without it, also after an exception."""
    before = patched()
    plain, recorded = net(), net()
    x = torch.randn(5, 4)
    torch.manual_seed(7)
    plain(x).square().sum().backward()
    state = torch.get_rng_state()
    torch.manual_seed(7)

    def step():
        loss = recorded(x).square().sum()
        if fail:
            raise KeyError("theirs")
        return loss

    if fail:
        with pytest.raises(KeyError, match="theirs"):
            gradcheck.record(step)
        assert patched() == before
        return
    recording = gradcheck.record(step)
    assert patched() == before
    assert torch.equal(torch.get_rng_state(), state)
    for (name, p), q in zip(plain.named_parameters(), recorded.parameters(), strict=True):
        assert q.grad is None
        assert not q._backward_hooks
        assert np.array_equal(p.grad.numpy(), recording.run.gradients[name])
    assert all(torch.equal(a, b) for a, b in zip(plain.buffers(), recorded.buffers(), strict=True))
    assert recorded.training


def test_a_block_records_a_training_step():
    """Of a block the first backward is recorded; gradients and the step of the optimiser are those without."""
    found = []
    for record in (False, True):
        model = net()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

        def step(model=model, optimizer=optimizer):
            torch.manual_seed(1)
            loss = model(torch.linspace(-1, 1, 20).reshape(5, 4)).square().mean()
            loss.backward()
            optimizer.step()
            return loss

        if record:
            with gradcheck.record(model) as recording:
                step()
            assert recording.validate().verdict == "pass"
            assert "0.weight" in recording.run.gradients
        else:
            step()
        found.append([p.detach().clone() for p in model.parameters()] + [p.grad.clone() for p in model.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_a_block_without_backward():
    """The one scalar that a block leaves is its loss, and can be differentiated by the user afterwards; two are refused."""
    w = torch.ones(3, requires_grad=True)
    with gradcheck.record() as recording:
        loss = (w * w).sum()
    assert recording.validate().verdict == "pass"
    loss.backward()
    assert torch.equal(w.grad, 2 * w)
    with pytest.raises(NotRecorded, match="backward"), gradcheck.record():
        (w * 2).sum(), (w * 3).sum()
    assert "gradcheck" not in torch.autograd.backward.__module__


def test_a_recording_that_goes_on_has_nothing():
    """In the block, and after one that raised, a recording says so."""
    model = net()
    with gradcheck.record(model) as recording:
        with pytest.raises(NotRecorded, match="complete"):
            _ = recording.graph
        model(torch.randn(3, 4)).sum()
    assert recording.graph.nodes
    with pytest.raises(ZeroDivisionError), gradcheck.record(net()) as recording:
        1 / 0  # noqa: B018
    with pytest.raises(NotRecorded):
        recording.validate()


def test_nested_recordings_and_threads_are_refused():
    """One recording at a time, in whatever thread; afterwards the next one works."""
    x = torch.randn(3)
    with pytest.raises(NotRecorded, match="one recording at a time"):
        gradcheck.record(lambda x: gradcheck.record(torch.sin, x).run and x.sum(), x.requires_grad_())
    seen = []

    def other():
        try:
            gradcheck.record(torch.sin, torch.randn(2))
        except NotRecorded as error:
            seen.append(str(error))

    def f(x):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        return torch.sin(x)

    assert gradcheck.record(f, torch.randn(3)).validate().verdict == "pass"
    assert len(seen) == 1
    assert gradcheck.record(torch.sin, torch.randn(2)).validate().verdict == "pass"


def test_values_of_other_threads_and_earlier_work_are_the_boundary():
    """What was computed elsewhere is judged up to there, and told."""
    w = torch.randn(3, requires_grad=True)
    early = torch.sin(w)
    recording = gradcheck.record(lambda: (early * early).sum())
    row = recording.validate()
    assert row.verdict == "pass"
    assert len(recording.coverage.computed) == 1
    assert any("before the recording" in f.message for f in row.findings)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_unknown_operations_are_judged_alone(dtype):
    """An operation without a rule ends nothing: it is judged by its own differences, in every format, and told."""
    recording = gradcheck.record(lambda x: torch.lgamma(torch.exp(x)).sin().sum(), torch.linspace(-1, 1, 4).to(dtype))
    row = recording.validate()
    coverage = recording.coverage
    assert row.verdict == "pass"
    assert [x.operation for x in coverage.opaque] == ["aten.lgamma.default"]
    assert (coverage.by_rules, coverage.by_differences, coverage.unjudged) == (17, 4, 0)  # exp, lgamma, sin, the input, the loss
    assert any("aten.lgamma.default" in f.message for f in row.findings)


def test_an_unknown_operation_that_hands_on_something_else_is_told():
    """What differences contradict is never passed; that an operation alone is wrong differences do not prove."""

    def f(x):
        y = torch.lgamma(torch.exp(x))
        y.grad_fn.register_hook(lambda inputs, _: tuple(1.01 * g for g in inputs))
        return y.sum()

    row = gradcheck.record(f, torch.randn(4, dtype=torch.float64)).validate()
    assert row.verdict == "inconclusive"
    assert "its differences give" in row.message


def test_complex_numbers_are_opaque():
    """Between complex numbers nothing is judged; before and behind them everything is."""
    recording = gradcheck.record(lambda x: torch.fft.fft(torch.sin(x)).real.square().sum(), torch.randn(4))
    assert recording.validate().verdict == "inconclusive"
    assert recording.coverage.by_rules > 8
    assert len(recording.coverage.not_judged) >= 2


def test_kernels_that_leave_torch_are_opaque():
    """A Function that computes with NumPy, or makes a number of a value, is not judged, and its neighbours are."""

    class Kernel(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return torch.from_numpy(np.sin(x.detach().numpy())) * float(x[0] * 0 + 1)

        @staticmethod
        def backward(ctx, g):
            return g * torch.cos(ctx.saved_tensors[0])

    recording = gradcheck.record(lambda x: Kernel.apply(torch.exp(x)).sum(), torch.randn(4))
    assert recording.validate().verdict == "inconclusive"
    assert [x.operation for x in recording.coverage.opaque] == ["Kernel"]


def test_hooks_are_noted_and_judged_before():
    """A hook that halves a gradient is no fault of any operation; the gradients around it are judged."""
    w = torch.randn(3, dtype=torch.float64, requires_grad=True)
    w.register_hook(lambda g: g * 3)

    def f(w):
        y = torch.sin(w)
        y.register_hook(lambda g: g / 2)
        return (y * y).sum()

    recording = gradcheck.record(f, w)
    row = recording.validate()
    assert row.verdict == "pass", row
    assert len(recording.coverage.hooks) == 2
    assert np.allclose(recording.run.gradients["input0"], (torch.sin(w) * torch.cos(w)).detach().numpy())
    assert len(w._backward_hooks) == 1


def test_module_hooks_are_boundaries():
    """Backward hooks of modules are torch's own Functions: no operation is blamed for them."""
    model = net().eval()
    model[0].register_full_backward_hook(lambda m, i, o: (i[0] * 2,) if i[0] is not None else None)
    x = torch.randn(2, 4, requires_grad=True)
    assert gradcheck.record(model, x).validate().verdict == "pass"


def test_cuts_are_constants_and_told():
    """detach and no_grad cut gradients on purpose; the row says where."""

    def f(x):
        with torch.no_grad():
            scale = x.abs().max()
        return (x / scale - x.detach()).square().sum()

    recording = gradcheck.record(f, torch.randn(3))
    row = recording.validate()
    assert row.verdict == "pass"
    assert len(recording.coverage.cuts) == 2
    assert sum("cut on purpose" in f.message for f in row.findings) == 2


def test_several_results_and_cotangents():
    """Each result has its cotangent, given or drawn; a wrong number of them is refused."""

    def f(x):
        return torch.sin(x), x.sum()

    x = torch.randn(3, dtype=torch.float64)
    assert gradcheck.record(f, x).validate().verdict == "pass"
    given = [torch.tensor([1.0, 0.0, 2.0]), 3.0]
    recording = gradcheck.record(f, x, cotangents=given)
    assert recording.validate().verdict == "pass"
    assert np.allclose(recording.run.gradients["input0"], np.array([1.0, 0, 2]) * np.cos(x.numpy()) + 3)
    with pytest.raises(NotRecorded, match="cotangent"):
        gradcheck.record(f, x, cotangents=given[:1])
    with pytest.raises(NotRecorded, match="differentiable"):
        gradcheck.record(lambda x: x.detach(), x)


def test_tied_weights_are_one_leaf():
    """A weight with two names and two uses is one parameter, whose uses add up."""
    a, b = torch.nn.Linear(3, 3, bias=False), torch.nn.Linear(3, 3, bias=False)
    b.weight = a.weight
    recording = gradcheck.record(torch.nn.Sequential(a, torch.nn.Tanh(), b), torch.randn(2, 3))
    assert recording.graph.parameters == ("0.weight",)
    assert recording.validate().verdict == "pass"


def test_formats_are_those_of_each_value():
    """Under autocast, and with bfloat16 beside float32, every value is judged in its own format."""
    model = net().eval()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        recording = gradcheck.record(model, torch.randn(5, 4))
    assert set(recording.formats.values()) == {"bfloat16", "float32"}
    row = recording.validate()
    assert (row.verdict, row.dtype) == ("pass", "bfloat16+float32")


@pytest.mark.parametrize("mask", [-torch.inf, torch.finfo(torch.float32).min])
def test_masks_are_no_overflow(mask):
    """Scores that are masked by -inf or by the smallest number are judged."""
    hidden = torch.ones(4, 4).triu(1).bool()

    def f(q):
        scores = (q @ q.t()).masked_fill(hidden, mask) if mask == -torch.inf else q @ q.t() + hidden * mask
        return torch.softmax(scores, -1) @ q

    row = gradcheck.record(f, torch.randn(4, 3)).validate()
    assert (row.verdict, row.message[:2]) == ("pass", str(row.checks)[:2])


def test_validate_takes_recordings_alone():
    """`gradcheck.validate` gives the matrix of recordings, which bring their networks."""
    recording = gradcheck.record(torch.tanh, torch.randn(3))
    assert gradcheck.validate(recording).verdict == "pass"
    assert len(gradcheck.validate([recording, recording])) == 2
    with pytest.raises(BadInput, match="its own network"):
        gradcheck.validate(recording, networks="xor-2-2-1")


def test_a_recorded_network_is_one_for_every_target():
    """The network of a recording goes to other targets and to certificates, and becomes a document."""
    recording = gradcheck.record(net().double().eval(), torch.randn(5, 4, dtype=torch.float64))
    assert gradcheck.validate("reference", recording.network).verdict == "pass"
    certified = gradcheck.certify(recording.graph, recording.network.values())
    for name, g in recording.run.gradients.items():
        assert np.allclose(certified[name].rounded, g, rtol=1e-12, atol=1e-14)
    assert gradcheck.loads(gradcheck.dumps(recording.graph)).shapes == recording.graph.shapes


def test_random_programs_are_reproduced():
    """Values and adjoints of random programs are those of autograd."""
    assert [seed for seed in range(120) if fuzz.refuted(seed)] == []


@pytest.mark.deep
@pytest.mark.parametrize("first", range(0, 10_000, 500))
def test_many_random_programs_are_reproduced(first):
    """The same of ten thousand."""
    assert [seed for seed in range(first, first + 500) if fuzz.refuted(seed)] == []


def test_check_is_certified_by_a_recorded_run():
    """`check` of a torch function says so, and of one that is wrong it tells the node and the line."""
    report = gradcheck.check(torch.tanh, torch.randn(3, dtype=torch.float64))
    assert report.verdict == "pass"
    assert report.evidence.startswith("certified: ")
    custom = wrong_backward()
    report = gradcheck.check(lambda x: custom.apply(torch.tanh(x)).sum(), torch.randn(3, dtype=torch.float64))
    note = report.findings[-1].message
    assert report.verdict == "fail"
    assert note.startswith("recorded run: ")
    assert "Custom.backward" in note
    assert __file__ in note


def test_memory_that_is_filled_later_is_no_number():
    """What `torch.empty` happens to hold, moved as it is before it is written over, is neither right nor wrong."""

    def f(x):
        y = torch.full((2, *x.shape), torch.nan)
        y[0] = x * 2
        y[1] = x + 1
        return y.sum()

    assert gradcheck.record(f, torch.randn(3)).validate().verdict == "pass"


def test_two_masks_are_infinite():
    """Two masks by the smallest number add up to what no format has, and a kernel that gives -inf is right."""
    hidden = torch.ones(4, 4).triu(1) * torch.finfo(torch.float32).min
    row = gradcheck.record(lambda q: torch.softmax(q @ q.t() + hidden + hidden, -1) @ q, torch.randn(4, 3)).validate()
    assert row.verdict == "pass", row


def test_compiled_code_is_refused():
    """It would run eagerly while it is recorded, and the verdict would be on another program."""
    with pytest.raises(NotRecorded, match="eager"):
        gradcheck.record(torch.compile(torch.sin, backend="eager"), torch.randn(3))
    with pytest.raises(NotRecorded, match="eager"):
        gradcheck.record(torch.compile(net(), backend="eager"), torch.randn(3, 4))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: torch.func.vmap(lambda v: torch.sin(v) @ v)(x), lambda x: torch.func.vmap(torch.func.grad(lambda v: (torch.sin(v) * v).sum()))(x),
        lambda x: torch.autograd.grad((torch.sin(x) * x).sum(), x, create_graph=True)[0], lambda x: torch.cdist(x, x.flip(0)),
        lambda x: torch.nn.functional.cosine_similarity(x, x.flip(0)), lambda x: x[:0].sum() + x.sum() * x.max().item(),
        lambda x: torch.linalg.inv(x[:3] + 3 * torch.eye(3, dtype=x.dtype)), lambda x: torch.einsum("ij,kj->ik", x, x), lambda x: torch.cumprod(x, 0),
        lambda x: torch.nn.functional.fold(torch.nn.functional.unfold(x[None, None], 2), (4, 3), 2), lambda x: torch.sin(x.half()).square(),
        lambda x: torch.nn.functional.interpolate(x[None, None], scale_factor=2, mode="bilinear"),
    ],
)  # fmt: skip
def test_right_programs_pass(f):
    """What torch computes in its many ways is right, by rules or by differences of single operations."""
    row = gradcheck.record(f, torch.linspace(-1, 1, 12, dtype=torch.float64).reshape(4, 3).requires_grad_()).validate()
    assert (row.verdict, row.evidence) == ("pass", "certified"), row


def test_a_kept_apply_is_followed():
    """Programs keep `f = Custom.apply`: the Function is recorded all the same, and its wrong backward is found."""
    kept = wrong_backward().apply
    assert gradcheck.record(lambda x: kept(x).sum(), torch.randn(3, dtype=torch.float64)).validate().verdict == "fail"
    assert gradcheck.record(kept, torch.randn(3, dtype=torch.float64)).validate().verdict == "fail"


def test_patches_of_an_image_are_a_product():
    """A convolution whose windows lie side by side needs no index of all that they see."""
    recording = gradcheck.record(torch.nn.Conv2d(3, 16, 16, stride=16), torch.randn(2, 3, 128, 128))
    assert "conv2d" not in {n.op for n in recording.graph.nodes}
    assert recording.validate().verdict == "pass"
