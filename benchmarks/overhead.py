"""What CAL costs a training step over joint training: a ratio in one run, and where it goes.

    python -m benchmarks.overhead                    tiny six-view MLP, interval 5 (aim <= 1.6)
    python -m benchmarks.overhead --network resnet18 two ResNet-18 at 224 px, batch 16, interval 10
                                                     (aim <= 1.10)

The two trainers alternate in blocks; the ratio is that of the medians of their blocks.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator

import torch
from torch.profiler import ProfilerActivity, profile

from cal.config import Config, parse
from cal.data import Part, Parts, load
from cal.trainer import Trainer

Step = Callable[[], None]


def tiny(method: str) -> tuple[Config, Parts]:
    """hw20 of the default study."""
    gamma = 1 if method == "cal" else 0
    config = parse({"method": method, "gamma": gamma, "data": {"labels_per_class": 20}})
    return config, load(config.data, seed=0)


def resnet(method: str) -> tuple[Config, Parts]:
    """Random images in memory: the time of a step does not depend on what they show."""
    tree = {
        "method": method,
        "gamma": 1 if method == "cal" else 0,
        "data": {"name": "keypad"},
        "model": {"encoder": "resnet18"},
        "cal": {"contribution": {"interval": 10, "probe_batch": 32}, "bottleneck": {"beta": 3e-3}},
        "train": {"batch": 16, "epochs": 1000},
    }
    draw = torch.Generator().manual_seed(0)

    def part(size: int) -> Part:
        images = tuple(torch.randn(size, 3, 224, 224, generator=draw) for _ in range(2))
        return Part(images, torch.randint(0, 10, (size,), generator=draw), torch.arange(size))

    zero = (torch.zeros(()),) * 2
    parts = Parts(part(160), part(128), part(16), part(16), zero, zero, 10, ("audio", "image"), "")
    return parse(tree), parts


def stepper(trainer: Trainer) -> Step:
    """One optimiser step a call, over as many epochs as it takes."""

    def endless() -> Iterator[int]:
        while True:
            yield from trainer.epoch_steps()

    steps = endless()
    return lambda: (next(steps), None)[1]


def past_warm_up(trainer: Trainer, step: Step) -> None:
    """Begin where the metric is at work: W stays uniform over the first part of a run."""
    trainer.step = trainer.steps // 2
    for _ in range(10):
        step()


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--network", choices=("tiny", "resnet18"), default="tiny")
    p.add_argument("--blocks", type=int, default=0, help="blocks of each (20; resnet18 3)")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--device", default="cpu")
    options = p.parse_args()
    torch.set_num_threads(options.threads)
    small = options.network == "tiny"
    make, block = (tiny, 50) if small else (resnet, 10)
    blocks = options.blocks or (20 if small else 3)
    trainers, steps = {}, {}
    for method in ("joint", "cal"):
        config, parts = make(method)
        trainers[method] = Trainer([config], data=[parts], device=options.device)
        steps[method] = stepper(trainers[method])
        past_warm_up(trainers[method], steps[method])
    times: dict[str, list[float]] = {"joint": [], "cal": []}
    for _ in range(blocks):
        for method, step in steps.items():
            begin = time.perf_counter()
            for _ in range(block):
                step()
            if options.device != "cpu":
                torch.cuda.synchronize()
            times[method].append((time.perf_counter() - begin) / block * 1000)
    median = {method: statistics.median(found) for method, found in times.items()}
    print(f"{options.network}: joint {median['joint']:.2f} ms, CAL {median['cal']:.2f} ms a step")
    print(f"ratio {median['cal'] / median['joint']:.2f}")
    for method, step in steps.items():
        with profile(activities=[ProfilerActivity.CPU], acc_events=True) as seen:
            for _ in range(block):
                step()
        print(f"\n{method}, {block} steps")
        print(seen.key_averages().table(sort_by="self_cpu_time_total", row_limit=12))


if __name__ == "__main__":
    main()
