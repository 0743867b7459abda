target triple = "x86_64-unknown-linux-gnu"

; elementwise: %b0 x0, %b1 x1, %b2 out, %s0 n
define internal void @"elementwise"(ptr %context, ptr %checks, ptr %b0, ptr %b1, ptr %b2, i64 %s0) #0 {
entry:
  %v1 = and i64 %s0, -16
  %i.2.any = icmp slt i64 0, %v1
  br i1 %i.2.any, label %i.2.body, label %i.2.done
i.2.body:
  %i.2 = phi i64 [ 0, %entry ], [ %i.2.next, %i.2.body ]
  %v3 = getelementptr float, ptr %b0, i64 %i.2
  %v4 = load <16 x float>, ptr %v3, align 4
  %v5 = fmul <16 x float> %v4, splat (float 2.0)
  %v6 = getelementptr float, ptr %b1, i64 %i.2
  %v7 = load <16 x float>, ptr %v6, align 4
  %v8 = fadd <16 x float> %v5, %v7
  %v9 = getelementptr float, ptr %b2, i64 %i.2
  store <16 x float> %v8, ptr %v9, align 4
  %i.2.next = add i64 %i.2, 16
  %i.2.more = icmp slt i64 %i.2.next, %v1
  br i1 %i.2.more, label %i.2.body, label %i.2.done
i.2.done:
  %v10 = icmp slt i64 %v1, %s0
  br i1 %v10, label %then11, label %else11
then11:
  %v12 = sub i64 %s0, %v1
  %v13 = trunc i64 %v12 to i32
  %v14 = insertelement <16 x i32> poison, i32 %v13, i64 0
  %v15 = shufflevector <16 x i32> %v14, <16 x i32> poison, <16 x i32> zeroinitializer
  %v16 = icmp slt <16 x i32> <i32 0, i32 1, i32 2, i32 3, i32 4, i32 5, i32 6, i32 7, i32 8, i32 9, i32 10, i32 11, i32 12, i32 13, i32 14, i32 15>, %v15
  %v17 = getelementptr float, ptr %b0, i64 %v1
  %v18 = call <16 x float> @llvm.masked.load.v16f32.p0(ptr align 4 %v17, <16 x i1> %v16, <16 x float> zeroinitializer)
  %v19 = fmul <16 x float> %v18, splat (float 2.0)
  %v20 = getelementptr float, ptr %b1, i64 %v1
  %v21 = call <16 x float> @llvm.masked.load.v16f32.p0(ptr align 4 %v20, <16 x i1> %v16, <16 x float> zeroinitializer)
  %v22 = fadd <16 x float> %v19, %v21
  %v23 = getelementptr float, ptr %b2, i64 %v1
  call void @llvm.masked.store.v16f32.p0(<16 x float> %v22, ptr align 4 %v23, <16 x i1> %v16)
  br label %join11
else11:
  br label %join11
join11:
  ret void
}

define i64 @entry(ptr %context, ptr %pointers, ptr %sizes, ptr %arena) #0 {
entry:
  %v1 = load ptr, ptr %pointers, align 8
  %v2 = getelementptr ptr, ptr %pointers, i64 1
  %v3 = load ptr, ptr %v2, align 8
  %v4 = getelementptr ptr, ptr %pointers, i64 2
  %v5 = load ptr, ptr %v4, align 8
  %v6 = load i64, ptr %sizes, align 8
  call void @"elementwise"(ptr %context, ptr null, ptr %v1, ptr %v3, ptr %v5, i64 %v6)
  ret i64 0
}

declare <16 x float> @llvm.masked.load.v16f32.p0(ptr, <16 x i1>, <16 x float>)
declare void @llvm.masked.store.v16f32.p0(<16 x float>, ptr, <16 x i1>)

attributes #0 = { nounwind "prefer-vector-width"="512" }
!0 = !{!"branch_weights", i32 1, i32 100000}
