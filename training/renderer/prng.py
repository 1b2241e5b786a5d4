"""A small counter-based generator for texture details (freckles, lashes), so that a frozen person looks the same under every
version of numpy."""
import numpy as np


def uniform(seed, n):
    """n doubles in 0..1 from splitmix64 (Steele et al. 2014) of (seed, index)."""
    with np.errstate(over="ignore"):
        z = np.uint64(seed) * np.uint64(0x9E3779B97F4A7C15) + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(11)).astype(np.float64) / 2 ** 53


def normal(seed, n):
    """n standard normal doubles (Box-Muller)."""
    u = uniform(seed, 2 * n)
    return np.sqrt(-2 * np.log(1 - u[:n])) * np.cos(2 * np.pi * u[n:])
