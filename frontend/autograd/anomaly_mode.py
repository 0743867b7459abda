"""Looking for anomalies: which function was the first to give NaN."""

from __future__ import annotations

from brasa._state import STATE, set_anomaly
from brasa.tracing.trace import CaptureError


class set_detect_anomaly:
    """Looks for anomalies from now on, or no more; as a context manager, until the end of the block.

    check_nan: NaN is one. The function that makes NaN of operands that have none is an error (in PyTorch it is not),
    and so is one whose backward gives NaN, as in PyTorch. Both name the function and the user's line. Compiled
    functions run op by op meanwhile, with the same bits; one that this is called in runs so from there on.
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self._outer = STATE.anomaly
        self._mode = check_nan if mode else None
        if STATE.trace is not None and mode:
            STATE.trace.leave(CaptureError("anomalies are looked for"))
        set_anomaly(self._mode)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        set_anomaly(self._outer)


class detect_anomaly(set_detect_anomaly):
    """A block in which anomalies are looked for. See set_detect_anomaly."""

    def __init__(self, check_nan: bool = True) -> None:
        self._mode = check_nan

    def __enter__(self) -> None:
        super().__init__(True, self._mode)


def is_anomaly_enabled() -> bool:
    """Whether anomalies are looked for on this thread."""
    return STATE.anomaly is not None


def is_anomaly_check_nan_enabled() -> bool:
    """Whether NaN is one of them."""
    return bool(STATE.anomaly)
