"""Discrete Fourier transforms: `brasa.fft`."""

from brasa.functions.fourier import fft as fft
from brasa.functions.fourier import fft2 as fft2
from brasa.functions.fourier import fftfreq as fftfreq
from brasa.functions.fourier import fftn as fftn
from brasa.functions.fourier import fftshift as fftshift
from brasa.functions.fourier import hfft as hfft
from brasa.functions.fourier import hfft2 as hfft2
from brasa.functions.fourier import hfftn as hfftn
from brasa.functions.fourier import ifft as ifft
from brasa.functions.fourier import ifft2 as ifft2
from brasa.functions.fourier import ifftn as ifftn
from brasa.functions.fourier import ifftshift as ifftshift
from brasa.functions.fourier import ihfft as ihfft
from brasa.functions.fourier import ihfft2 as ihfft2
from brasa.functions.fourier import ihfftn as ihfftn
from brasa.functions.fourier import irfft as irfft
from brasa.functions.fourier import irfft2 as irfft2
from brasa.functions.fourier import irfftn as irfftn
from brasa.functions.fourier import rfft as rfft
from brasa.functions.fourier import rfft2 as rfft2
from brasa.functions.fourier import rfftfreq as rfftfreq
from brasa.functions.fourier import rfftn as rfftn
