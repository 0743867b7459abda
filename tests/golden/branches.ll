target triple = "x86_64-unknown-linux-gnu"

; branches: %b0 x, %b1 out, %s0 n, %s1 limit
define internal void @"branches"(ptr %context, ptr %checks, ptr %b0, ptr %b1, i64 %s0, i64 %s1) #0 {
entry:
  %v1 = and i64 %s0, -16
  %v8 = icmp slt i64 %s1, 20
  %i.2.any = icmp slt i64 0, %v1
  br i1 %i.2.any, label %i.2.body, label %i.2.done
i.2.body:
  %i.2 = phi i64 [ 0, %entry ], [ %i.2.next, %join6 ]
  %kept.i.2 = phi <16 x float> [ splat (float 1.0), %entry ], [ %v12, %join6 ]
  %count.i.2 = phi i64 [ 0, %entry ], [ %v13, %join6 ]
  %v3 = getelementptr float, ptr %b0, i64 %i.2
  %v4 = load <16 x float>, ptr %v3, align 4
  %v5 = icmp slt i64 %i.2, %s1
  %v10 = add i64 %i.2, %count.i.2
  br i1 %v5, label %then6, label %else6
then6:
  %v7 = fadd <16 x float> %kept.i.2, %v4
  br i1 %v8, label %then9, label %else9
then9:
  br label %join9
else9:
  br label %join9
join9:
  %v11 = phi i64 [ %v10, %then9 ], [ %count.i.2, %else9 ]
  br label %join6
else6:
  br label %join6
join6:
  %v12 = phi <16 x float> [ %v7, %join9 ], [ %kept.i.2, %else6 ]
  %v13 = phi i64 [ %v11, %join9 ], [ %count.i.2, %else6 ]
  %v14 = sitofp i64 %v13 to float
  %v15 = insertelement <16 x float> poison, float %v14, i64 0
  %v16 = shufflevector <16 x float> %v15, <16 x float> poison, <16 x i32> zeroinitializer
  %v17 = fmul <16 x float> %v12, %v16
  %v18 = getelementptr float, ptr %b1, i64 %i.2
  store <16 x float> %v17, ptr %v18, align 4
  %i.2.next = add i64 %i.2, 16
  %i.2.more = icmp slt i64 %i.2.next, %v1
  br i1 %i.2.more, label %i.2.body, label %i.2.done
i.2.done:
  %kept.i.2.done = phi <16 x float> [ splat (float 1.0), %entry ], [ %v12, %join6 ]
  %count.i.2.done = phi i64 [ 0, %entry ], [ %v13, %join6 ]
  %v19 = icmp slt i64 %v1, %s0
  br i1 %v19, label %then20, label %else20
then20:
  %v21 = sub i64 %s0, %v1
  %v22 = trunc i64 %v21 to i32
  %v23 = insertelement <16 x i32> poison, i32 %v22, i64 0
  %v24 = shufflevector <16 x i32> %v23, <16 x i32> poison, <16 x i32> zeroinitializer
  %v25 = icmp slt <16 x i32> <i32 0, i32 1, i32 2, i32 3, i32 4, i32 5, i32 6, i32 7, i32 8, i32 9, i32 10, i32 11, i32 12, i32 13, i32 14, i32 15>, %v24
  %v26 = getelementptr float, ptr %b0, i64 %v1
  %v27 = call <16 x float> @llvm.masked.load.v16f32.p0(ptr align 4 %v26, <16 x i1> %v25, <16 x float> zeroinitializer)
  %v28 = icmp slt i64 %v1, %s1
  %v33 = add i64 %count.i.2.done, %v1
  br i1 %v28, label %then29, label %else29
then29:
  %v30 = fadd <16 x float> %kept.i.2.done, %v27
  %v31 = select <16 x i1> %v25, <16 x float> %v30, <16 x float> %kept.i.2.done
  br i1 %v8, label %then32, label %else32
then32:
  br label %join32
else32:
  br label %join32
join32:
  %v34 = phi i64 [ %v33, %then32 ], [ %count.i.2.done, %else32 ]
  br label %join29
else29:
  br label %join29
join29:
  %v35 = phi <16 x float> [ %v31, %join32 ], [ %kept.i.2.done, %else29 ]
  %v36 = phi i64 [ %v34, %join32 ], [ %count.i.2.done, %else29 ]
  %v37 = sitofp i64 %v36 to float
  %v38 = insertelement <16 x float> poison, float %v37, i64 0
  %v39 = shufflevector <16 x float> %v38, <16 x float> poison, <16 x i32> zeroinitializer
  %v40 = fmul <16 x float> %v35, %v39
  %v41 = getelementptr float, ptr %b1, i64 %v1
  call void @llvm.masked.store.v16f32.p0(<16 x float> %v40, ptr align 4 %v41, <16 x i1> %v25)
  br label %join20
else20:
  br label %join20
join20:
  %v42 = phi <16 x float> [ %v35, %join29 ], [ %kept.i.2.done, %else20 ]
  %v43 = phi i64 [ %v36, %join29 ], [ %count.i.2.done, %else20 ]
  %v44 = extractelement <16 x float> %v42, i64 0
  %v45 = sitofp i64 %v43 to float
  %v46 = fadd float %v44, %v45
  %v47 = getelementptr float, ptr %b1, i64 %s0
  store float %v46, ptr %v47, align 4
  ret void
}

define i64 @entry(ptr %context, ptr %pointers, ptr %sizes, ptr %arena) #0 {
entry:
  %v1 = load ptr, ptr %pointers, align 8
  %v2 = getelementptr ptr, ptr %pointers, i64 1
  %v3 = load ptr, ptr %v2, align 8
  %v4 = load i64, ptr %sizes, align 8
  %v5 = getelementptr i64, ptr %sizes, i64 1
  %v6 = load i64, ptr %v5, align 8
  call void @"branches"(ptr %context, ptr null, ptr %v1, ptr %v3, i64 %v4, i64 %v6)
  ret i64 0
}

declare <16 x float> @llvm.masked.load.v16f32.p0(ptr, <16 x i1>, <16 x float>)
declare void @llvm.masked.store.v16f32.p0(<16 x float>, ptr, <16 x i1>)

attributes #0 = { nounwind "prefer-vector-width"="512" }
!0 = !{!"branch_weights", i32 1, i32 100000}
