"""The distribution rules of the source systems, exactly as written there (S0 and S1 have none)."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import ks_2samp

from driftloop.statistics.two_samples import four_tests, psi_of_samples

Floats = NDArray[np.float64]
Columns = Sequence[Floats]


def any_ks(reference: Columns, current: Columns) -> bool:
    """scipy alone: any column's KS test at 0.05, uncorrected."""
    return any(ks_2samp(old, new, method="asymp").pvalue < 0.05 for old, new in zip(reference, current, strict=True))


def s2(reference: Columns, current: Columns) -> bool:
    """S2: KS > 0.20, z-distance of means > 0.15, anomaly rate > 5 %, or the weighted sum > 0.12."""
    pairs = list(zip(reference, current, strict=True))
    ks = float(np.mean([ks_2samp(old, new, method="asymp").statistic for old, new in pairs]))
    distance = float(np.mean([abs(new.mean() - old.mean()) / (old.std() + 1e-12) for old, new in pairs]))
    rate = float(np.mean([np.mean(np.abs(new - old.mean()) > 3 * old.std()) for old, new in pairs]))
    return ks > 0.20 or distance > 0.15 or rate > 0.05 or 0.3 * ks + 0.2 * distance + 0.1 * rate > 0.12


def s3(reference: Columns, current: Columns) -> bool:
    """S3: any of four tests on any column at 0.05."""
    return any(four_tests(old, new, corrected=False).alarmed for old, new in zip(reference, current, strict=True))


def s4(reference: Columns, current: Columns) -> bool:
    """S4: any column's PSI > 0.25 or KS statistic > 0.1."""
    pairs = list(zip(reference, current, strict=True))
    return any(psi_of_samples(old, new) > 0.25 for old, new in pairs) or any(
        ks_2samp(old, new, method="asymp").statistic > 0.1 for old, new in pairs
    )


RULES: Mapping[str, Callable[[Columns, Columns], bool]] = {"scipy KS uncorrected": any_ks, "S2": s2, "S3": s3, "S4": s4}
