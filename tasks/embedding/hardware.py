"""What the machine offers to embedding: its device, its cores, and the precision that pays there."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from freshet.tasks.settings.embedding import Precision

_BF16_FLAGS = {"avx512_bf16", "amx_bf16"}


def choose_device() -> str:
    """torch's name of the device: the GPU, where torch can use one."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def choose_precision(wanted: Precision, device: str) -> str:
    """fp32, bf16 or fp16; 'auto' takes fp16 on a GPU, bf16 where the CPU multiplies in it, else fp32."""
    if wanted != "auto":
        return wanted
    if device != "cpu":
        return "fp16"
    return "bf16" if _cpu_has_bf16() else "fp32"


def _cpu_has_bf16() -> bool:
    if sys.platform == "linux":
        return bool(_BF16_FLAGS & set(_cpuinfo("flags").split()))
    import torch

    probe = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(probe and probe())


def _cpuinfo(key: str) -> str:
    """The first processor's value of a key of /proc/cpuinfo; empty where there is none."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == key), "")


def usable_cores() -> int:
    """Physical cores that this process may use, within its affinity and its control group's quota; at least one."""
    if not hasattr(os, "sched_getaffinity"):
        return max(1, os.cpu_count() or 1)
    processors = os.sched_getaffinity(0)
    cores = {_siblings(number) for number in processors}
    return max(1, min(len(cores), _quota()))


def _siblings(processor: int) -> str:
    """The hardware threads that share this one's core, as the kernel writes them; itself where it does not say."""
    try:
        return Path(f"/sys/devices/system/cpu/cpu{processor}/topology/thread_siblings_list").read_text("ascii")
    except OSError:
        return str(processor)


def _quota() -> int:
    """Whole processors that the control group grants, as in a container started with --cpus."""
    try:
        granted, period = Path("/sys/fs/cgroup/cpu.max").read_text("ascii").split()
        return max(1, int(granted) // int(period)) if granted != "max" else sys.maxsize
    except (OSError, ValueError):
        return sys.maxsize
