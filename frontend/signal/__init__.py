"""Signal processing: `brasa.signal.windows`."""

from brasa.signal import windows as windows
