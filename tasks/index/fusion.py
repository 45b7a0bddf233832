import numpy as np


def fuse(c):
    a = np.nan_to_num(np.array(c["bm25"].to_pylist(), dtype=float))
    v = np.array(c["cosine"].to_pylist())
    return 0.5 * v + 0.5 * (a / max(a.max(), 1e-9))
