"""Gradients in eager mode: walking the tape backwards, functions with gradients of their own, and the switches."""

from brasa.autograd import functional as functional
from brasa.autograd import graph as graph
from brasa.autograd.anomaly_mode import detect_anomaly as detect_anomaly
from brasa.autograd.anomaly_mode import is_anomaly_check_nan_enabled as is_anomaly_check_nan_enabled
from brasa.autograd.anomaly_mode import is_anomaly_enabled as is_anomaly_enabled
from brasa.autograd.anomaly_mode import set_detect_anomaly as set_detect_anomaly
from brasa.autograd.engine import backward as backward
from brasa.autograd.engine import grad as grad
from brasa.autograd.function import Function as Function
from brasa.autograd.gradcheck import gradcheck as gradcheck
from brasa.autograd.gradcheck import gradgradcheck as gradgradcheck
from brasa.autograd.modes import enable_grad as enable_grad
from brasa.autograd.modes import inference_mode as inference_mode
from brasa.autograd.modes import is_grad_enabled as is_grad_enabled
from brasa.autograd.modes import no_grad as no_grad
from brasa.autograd.modes import set_grad_enabled as set_grad_enabled
