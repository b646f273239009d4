"""What CAL costs a training step over joint training: a ratio in one run, and where it goes.

    python -m benchmarks.overhead                    tiny six-view MLP, interval 5
    python -m benchmarks.overhead --replicas 24      the same, 24 runs in a pack
    python -m benchmarks.overhead --network resnet18 two ResNet-18 at 224 px, batch 16, interval 10
    python -m benchmarks.overhead --network resnet18 --device cuda    the same on a GPU, batch 64

The two trainers alternate in blocks.
"""

import argparse
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.cases import regime, resnet
from benchmarks.timing import Step, interleaved, plain, ratio, stepper
from cal.trainer import Trainer

BATCH = {"cpu": 16, "cuda": 64}  # of the ResNet-18
SECONDS = {"cpu": 20.0, "cuda": 2.0}  # of a block of them


def steps_of(network: str, replicas: int, device: str) -> dict[str, tuple[Step, int]]:
    """A step of joint training and one of CAL, each of ``replicas`` runs."""
    found: dict[str, tuple[Step, int]] = {}
    for method in ("joint", "cal"):
        if network == "resnet18":
            config, parts = resnet(method, batch=BATCH[device])
            trainer = Trainer([config], data=[parts], device=device)
        else:
            configs = [regime("hw20", method=method, seed=r) for r in range(replicas)]
            trainer = Trainer(configs, device=device)
        found[method] = (stepper(trainer), replicas)
    return found


def measure(
    network: str = "tiny", *, replicas: int = 1, device: str = "cpu", rounds: int = 12
) -> dict[str, Any]:
    """CAL over joint, with the times of both."""
    steps = steps_of(network, replicas, device)
    seconds = 0.25 if network == "tiny" else SECONDS[device]
    timings = interleaved(steps, rounds=rounds, seconds=seconds)
    return {"times": plain(timings), "ratio": ratio(timings["cal"], timings["joint"])}


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("--network", choices=("tiny", "resnet18"), default="tiny")
    p.add_argument("--replicas", type=int, default=1)
    p.add_argument("--rounds", type=int, default=0, help="blocks of each (12; resnet18 3)")
    p.add_argument("--device", default="cpu", choices=tuple(BATCH))
    options = p.parse_args()
    torch.set_num_threads(1)
    rounds = options.rounds or (12 if options.network == "tiny" else 3)
    given = {"replicas": options.replicas, "device": options.device}
    found = measure(options.network, rounds=rounds, **given)
    for method, times in found["times"].items():
        print(
            f"{method}: {times['cpu_ms']:.2f} ms of CPU, {times['wall_ms']:.2f} ms a step and run"
        )
    print(
        f"ratio {found['ratio']['cpu']:.2f} by CPU time, {found['ratio']['wall']:.2f} by the clock"
    )
    for method, (step, _) in steps_of(options.network, **given).items():
        with profile(activities=[ProfilerActivity.CPU], acc_events=True) as seen:
            for _ in range(10):
                step()
        print(f"\n{method}, 10 steps")
        print(seen.key_averages().table(sort_by="self_cpu_time_total", row_limit=12))


if __name__ == "__main__":
    main()
