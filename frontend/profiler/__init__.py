"""What programs spend their time on: `profile`, under PyTorch's names.

with brasa.profile() as p:
    train(model)
print(p)
p.export_chrome_trace("trace.json")
"""

from brasa.profiler.averages import Average as Average
from brasa.profiler.averages import Averages as Averages
from brasa.profiler.events import Event as Event
from brasa.profiler.limits import Limits as Limits
from brasa.profiler.limits import machine_limits as machine_limits
from brasa.profiler.ranges import record_function as record_function
from brasa.profiler.recording import profile as profile
from brasa.profiler.schedules import ProfilerAction as ProfilerAction
from brasa.profiler.schedules import ProfilerActivity as ProfilerActivity
from brasa.profiler.schedules import schedule as schedule
from brasa.profiler.schedules import supported_activities as supported_activities
from brasa.profiler.schedules import tensorboard_trace_handler as tensorboard_trace_handler
