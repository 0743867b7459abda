"""The thread pool, as LLVM text: one job at a time, cut into pieces, each thread's next to each other.

A job is open while the generation is odd. Workers look for a new generation for a while, then sleep in the kernel. The
caller works too, so a job never waits for a worker that has not come; it only waits for those inside to finish.
Who has done its own pieces takes those of others, so that one thread that the system holds up does not hold up all.
What lies together in memory is read by one thread, and by the same one the next time: Adam takes a fifth less time.
"""

PIECES_PER_THREAD = 8
MOST_RANGES = 64  # of pieces next to each other; more threads share them
SPINS = 2000  # pauses, some 50 to 100 microseconds: longer spinning harms other pools in the process
PIECE_NANOSECONDS = 10_000  # that a piece should take at least
WAKING_NANOSECONDS = 40_000  # of work for each sleeping thread that is woken

TEXT = f"""
@pool.generation = internal global i32 0, align 128
@pool.next = internal global [{MOST_RANGES} x [16 x i64]] zeroinitializer, align 128
@pool.inside = internal global i32 0, align 128
@pool.asleep = internal global i32 0, align 128
@pool.taken = internal global i32 0, align 128
@pool.threads = internal global i32 1, align 128
@pool.started = internal global i32 1, align 128
@pool.body = internal global ptr null, align 128
@pool.arguments = internal global ptr null
@pool.extent = internal global i64 0
@pool.pieces = internal global i64 0
@pool.ranges = internal global i64 0

declare i32 @pthread_create(ptr, ptr, ptr, ptr)
declare i64 @syscall(i64, ...)
declare void @llvm.x86.sse2.pause()
declare void @llvm.x86.sse.ldmxcsr(ptr)
declare i64 @llvm.smax.i64(i64, i64)
declare i64 @llvm.smin.i64(i64, i64)

; round to nearest, denormals kept, no traps
@default_float_state = internal constant i32 8064

; take pieces until there are none: those of a thread's own range first
define internal void @work(
  i64 %own, ptr %body, ptr %arguments, i64 %extent, i64 %pieces, i64 %ranges
) nounwind {{
entry:
  br label %choose
choose:
  %done = phi i64 [0, %entry], [%next_done, %exhausted]
  %left = icmp slt i64 %done, %ranges
  br i1 %left, label %range, label %out
range:
  %turned = add i64 %own, %done
  %number = urem i64 %turned, %ranges
  %counter = getelementptr [16 x i64], ptr @pool.next, i64 %number
  %number_after = add i64 %number, 1
  %before = mul i64 %number, %pieces
  %after = mul i64 %number_after, %pieces
  %first = sdiv i64 %before, %ranges
  %last = sdiv i64 %after, %ranges
  br label %take
take:
  %taken = atomicrmw add ptr %counter, i64 1 seq_cst
  %piece = add i64 %first, %taken
  %some = icmp slt i64 %piece, %last
  br i1 %some, label %run, label %exhausted
exhausted:
  %next_done = add i64 %done, 1
  br label %choose
run:
  %following = add i64 %piece, 1
  %scaled = mul i64 %piece, %extent
  %scaled_following = mul i64 %following, %extent
  %begin = sdiv i64 %scaled, %pieces
  %end = sdiv i64 %scaled_following, %pieces
  call void %body(ptr %arguments, i64 %begin, i64 %end)
  br label %take
out:
  ret void
}}

define internal ptr @worker(ptr %number) nounwind {{
entry:
  call void @llvm.x86.sse.ldmxcsr(ptr @default_float_state)
  %index64 = ptrtoint ptr %number to i64
  %index = trunc i64 %index64 to i32
  br label %outer
outer:
  %last = phi i32 [0, %entry], [%last, %benched], [%last, %sleep], [%seen, %done]
  %threads = load atomic i32, ptr @pool.threads seq_cst, align 4
  %member = icmp slt i32 %index, %threads
  br i1 %member, label %spin, label %benched
benched:                                ; until the number of threads changes; a call to work goes to the next one
  %a = call i64 (i64, ...) @syscall(i64 202, ptr @pool.generation, i32 129, i32 1, ptr null, ptr null, i32 0)
  %b = call i64 (i64, ...) @syscall(i64 202, ptr @pool.threads, i32 128, i32 %threads, ptr null, ptr null, i32 0)
  br label %outer
spin:
  %turn = phi i32 [0, %outer], [%next_turn, %pause]
  %seen = load atomic i32, ptr @pool.generation seq_cst, align 4
  %changed = icmp ne i32 %seen, %last
  br i1 %changed, label %look, label %pause
pause:
  call void @llvm.x86.sse2.pause()
  %next_turn = add i32 %turn, 1
  %more = icmp slt i32 %next_turn, {SPINS}
  br i1 %more, label %spin, label %sleep
sleep:                                  ; until the generation changes
  %s1 = atomicrmw add ptr @pool.asleep, i32 1 seq_cst
  %s2 = call i64 (i64, ...) @syscall(i64 202, ptr @pool.generation, i32 128, i32 %last, ptr null, ptr null, i32 0)
  %s3 = atomicrmw sub ptr @pool.asleep, i32 1 seq_cst
  br label %outer
look:                                   ; enter, then see whether the job is still open
  %i1 = atomicrmw add ptr @pool.inside, i32 1 seq_cst
  %again = load atomic i32, ptr @pool.generation seq_cst, align 4
  %same = icmp eq i32 %again, %seen
  %low = trunc i32 %seen to i1
  %open = and i1 %same, %low
  br i1 %open, label %join, label %done
join:
  %body = load ptr, ptr @pool.body
  %arguments = load ptr, ptr @pool.arguments
  %extent = load i64, ptr @pool.extent
  %pieces = load i64, ptr @pool.pieces
  %ranges = load i64, ptr @pool.ranges
  call void @work(i64 %index64, ptr %body, ptr %arguments, i64 %extent, i64 %pieces, i64 %ranges)
  br label %done
done:
  %i2 = atomicrmw sub ptr @pool.inside, i32 1 seq_cst
  br label %outer
}}

; the workers that are still missing; one that the system refuses is not asked for again, and others do its work
define internal void @start(i32 %threads) nounwind {{
entry:
  %thread = alloca i64
  br label %check
check:
  %started = load i32, ptr @pool.started
  %missing = icmp slt i32 %started, %threads
  br i1 %missing, label %create, label %out
create:
  %number64 = sext i32 %started to i64
  %number = inttoptr i64 %number64 to ptr
  %status = call i32 @pthread_create(ptr %thread, ptr null, ptr @worker, ptr %number)
  %more = add i32 %started, 1
  store i32 %more, ptr @pool.started
  br label %check
out:
  ret void
}}

define void @parallel_for(ptr %context, ptr %body, ptr %arguments, i64 %extent, i64 %cost) nounwind {{
entry:
  %positive = call i64 @llvm.smax.i64(i64 %cost, i64 1)
  %rounded = add i64 %positive, {PIECE_NANOSECONDS - 1}
  %grain = sdiv i64 %rounded, %positive
  %grains = sdiv i64 %extent, %grain
  %threads = load atomic i32, ptr @pool.threads seq_cst, align 4
  %threads64 = sext i32 %threads to i64
  %most = mul i64 %threads64, {PIECES_PER_THREAD}
  %pieces = call i64 @llvm.smin.i64(i64 %grains, i64 %most)
  %divisible = icmp sgt i64 %pieces, 1
  %several = icmp sgt i32 %threads, 1
  %parallel = and i1 %divisible, %several
  br i1 %parallel, label %take, label %serial
take:                                   ; a nested job, or one of a second caller, runs serially
  %exchange = cmpxchg ptr @pool.taken, i32 0, i32 1 seq_cst seq_cst
  %free = extractvalue {{ i32, i1 }} %exchange, 1
  br i1 %free, label %open, label %serial
open:
  call void @start(i32 %threads)
  store ptr %body, ptr @pool.body
  store ptr %arguments, ptr @pool.arguments
  store i64 %extent, ptr @pool.extent
  store i64 %pieces, ptr @pool.pieces
  %ranges = call i64 @llvm.smin.i64(i64 %threads64, i64 {MOST_RANGES})
  store i64 %ranges, ptr @pool.ranges
  br label %reset
reset:
  %range = phi i64 [0, %open], [%next_range, %reset]
  %counter = getelementptr [16 x i64], ptr @pool.next, i64 %range
  store atomic i64 0, ptr %counter seq_cst, align 8
  %next_range = add i64 %range, 1
  %again = icmp slt i64 %next_range, %ranges
  br i1 %again, label %reset, label %announce
announce:
  %g1 = atomicrmw add ptr @pool.generation, i32 1 seq_cst
  %asleep = load atomic i32, ptr @pool.asleep seq_cst, align 4
  %any_asleep = icmp sgt i32 %asleep, 0
  %nanoseconds = mul i64 %positive, %extent
  %useful = sdiv i64 %nanoseconds, {WAKING_NANOSECONDS}
  %woken = call i64 @llvm.smin.i64(i64 %useful, i64 %threads64)
  %worthwhile = icmp sgt i64 %woken, 0
  %wakes = and i1 %any_asleep, %worthwhile
  br i1 %wakes, label %wake, label %join
wake:
  %w = call i64 (i64, ...) @syscall(i64 202, ptr @pool.generation, i32 129, i64 %woken, ptr null, ptr null, i32 0)
  br label %join
join:
  call void @work(i64 0, ptr %body, ptr %arguments, i64 %extent, i64 %pieces, i64 %ranges)
  %g2 = atomicrmw add ptr @pool.generation, i32 1 seq_cst
  br label %wait
wait:
  %turn = phi i32 [0, %join], [%next_turn, %pause], [{SPINS}, %yield]
  %inside = load atomic i32, ptr @pool.inside seq_cst, align 4
  %finished = icmp eq i32 %inside, 0
  br i1 %finished, label %close, label %waiting
waiting:
  %patient = icmp slt i32 %turn, {SPINS}
  br i1 %patient, label %pause, label %yield
pause:
  call void @llvm.x86.sse2.pause()
  %next_turn = add i32 %turn, 1
  br label %wait
yield:                                  ; let a worker that lost its processor have this one
  %y = call i64 (i64, ...) @syscall(i64 24)
  br label %wait
close:
  store atomic i32 0, ptr @pool.taken seq_cst, align 4
  ret void
serial:
  %work = icmp sgt i64 %extent, 0
  br i1 %work, label %whole, label %out
whole:
  call void %body(ptr %arguments, i64 0, i64 %extent)
  br label %out
out:
  ret void
}}

define void @set_threads(i32 %threads) nounwind {{
  store atomic i32 %threads, ptr @pool.threads seq_cst, align 4
  %woken = call i64 (i64, ...) @syscall(i64 202, ptr @pool.threads, i32 129, i32 2147483647, ptr null, ptr null, i32 0)
  ret void
}}

; in the child of a fork, which has none of the threads
define void @forget_threads() nounwind {{
  store atomic i32 0, ptr @pool.generation seq_cst, align 4
  store atomic i32 0, ptr @pool.inside seq_cst, align 4
  store atomic i32 0, ptr @pool.asleep seq_cst, align 4
  store atomic i32 0, ptr @pool.taken seq_cst, align 4
  store i32 1, ptr @pool.started
  ret void
}}
"""
