target triple = "x86_64-unknown-linux-gnu"

define internal void @"branches"(ptr %context, ptr %checks, ptr %b0.x, ptr %b1.out, i64 %s0.n, i64 %s1.limit) #0 {
entry:
  %v1 = and i64 %s0.n, -16
  %v8 = icmp slt i64 %s1.limit, 20
  %g2 = icmp slt i64 0, %v1
  br i1 %g2, label %loop2, label %done2
loop2:
  %i2 = phi i64 [ 0, %entry ], [ %n2, %join6 ]
  %c2.0 = phi <16 x float> [ splat (float 1.0), %entry ], [ %v12, %join6 ]
  %c2.1 = phi i64 [ 0, %entry ], [ %v13, %join6 ]
  %v3 = getelementptr float, ptr %b0.x, i64 %i2
  %v4 = load <16 x float>, ptr %v3, align 4
  %v5 = icmp slt i64 %i2, %s1.limit
  %v10 = add i64 %i2, %c2.1
  br i1 %v5, label %then6, label %else6
then6:
  %v7 = fadd <16 x float> %c2.0, %v4
  br i1 %v8, label %then9, label %else9
then9:
  br label %join9
else9:
  br label %join9
join9:
  %v11 = phi i64 [ %v10, %then9 ], [ %c2.1, %else9 ]
  br label %join6
else6:
  br label %join6
join6:
  %v12 = phi <16 x float> [ %v7, %join9 ], [ %c2.0, %else6 ]
  %v13 = phi i64 [ %v11, %join9 ], [ %c2.1, %else6 ]
  %v14 = sitofp i64 %v13 to float
  %v15 = insertelement <16 x float> poison, float %v14, i64 0
  %v16 = shufflevector <16 x float> %v15, <16 x float> poison, <16 x i32> zeroinitializer
  %v17 = fmul <16 x float> %v12, %v16
  %v18 = getelementptr float, ptr %b1.out, i64 %i2
  store <16 x float> %v17, ptr %v18, align 4
  %n2 = add i64 %i2, 16
  %m2 = icmp slt i64 %n2, %v1
  br i1 %m2, label %loop2, label %done2
done2:
  %x2.0 = phi <16 x float> [ splat (float 1.0), %entry ], [ %v12, %join6 ]
  %x2.1 = phi i64 [ 0, %entry ], [ %v13, %join6 ]
  %v19 = icmp slt i64 %v1, %s0.n
  %v21 = sub i64 0, %v1
  %v22 = add i64 %v21, %s0.n
  %v23 = call i64 @llvm.smin.i64(i64 %v22, i64 16)
  %v24 = trunc i64 %v23 to i32
  %v28 = getelementptr float, ptr %b0.x, i64 %v1
  %v30 = icmp slt i64 %v1, %s1.limit
  %v35 = add i64 %v1, %x2.1
  %v43 = getelementptr float, ptr %b1.out, i64 %v1
  br i1 %v19, label %then20, label %else20
then20:
  %v25 = insertelement <16 x i32> poison, i32 %v24, i64 0
  %v26 = shufflevector <16 x i32> %v25, <16 x i32> poison, <16 x i32> zeroinitializer
  %v27 = icmp slt <16 x i32> <i32 0, i32 1, i32 2, i32 3, i32 4, i32 5, i32 6, i32 7, i32 8, i32 9, i32 10, i32 11, i32 12, i32 13, i32 14, i32 15>, %v26
  %v29 = call <16 x float> @llvm.masked.load.v16f32.p0(ptr align 4 %v28, <16 x i1> %v27, <16 x float> zeroinitializer)
  br i1 %v30, label %then31, label %else31
then31:
  %v32 = fadd <16 x float> %x2.0, %v29
  %v33 = select <16 x i1> %v27, <16 x float> %v32, <16 x float> %x2.0
  br i1 %v8, label %then34, label %else34
then34:
  br label %join34
else34:
  br label %join34
join34:
  %v36 = phi i64 [ %v35, %then34 ], [ %x2.1, %else34 ]
  br label %join31
else31:
  br label %join31
join31:
  %v37 = phi <16 x float> [ %v33, %join34 ], [ %x2.0, %else31 ]
  %v38 = phi i64 [ %v36, %join34 ], [ %x2.1, %else31 ]
  %v39 = sitofp i64 %v38 to float
  %v40 = insertelement <16 x float> poison, float %v39, i64 0
  %v41 = shufflevector <16 x float> %v40, <16 x float> poison, <16 x i32> zeroinitializer
  %v42 = fmul <16 x float> %v37, %v41
  call void @llvm.masked.store.v16f32.p0(<16 x float> %v42, ptr align 4 %v43, <16 x i1> %v27)
  br label %join20
else20:
  br label %join20
join20:
  %v44 = phi <16 x float> [ %v37, %join31 ], [ %x2.0, %else20 ]
  %v45 = phi i64 [ %v38, %join31 ], [ %x2.1, %else20 ]
  %v46 = extractelement <16 x float> %v44, i64 0
  %v47 = sitofp i64 %v45 to float
  %v48 = fadd float %v46, %v47
  %v49 = getelementptr float, ptr %b1.out, i64 %s0.n
  store float %v48, ptr %v49, align 4
  ret void
}

define i64 @entry(ptr %context, ptr %pointers, ptr %sizes, ptr %arena) #0 {
entry:
  %v1 = getelementptr ptr, ptr %pointers, i64 0
  %v2 = load ptr, ptr %v1, align 8
  %v3 = getelementptr ptr, ptr %pointers, i64 1
  %v4 = load ptr, ptr %v3, align 8
  %v5 = getelementptr i64, ptr %sizes, i64 0
  %v6 = load i64, ptr %v5, align 8
  %v7 = getelementptr i64, ptr %sizes, i64 1
  %v8 = load i64, ptr %v7, align 8
  call void @"branches"(ptr %context, ptr null, ptr %v2, ptr %v4, i64 %v6, i64 %v8)
  ret i64 0
}

declare <16 x float> @llvm.masked.load.v16f32.p0(ptr, <16 x i1>, <16 x float>)
declare i64 @llvm.smin.i64(i64, i64)
declare void @llvm.masked.store.v16f32.p0(<16 x float>, ptr, <16 x i1>)

attributes #0 = { nounwind "prefer-vector-width"="512" }
!0 = !{!"branch_weights", i32 1, i32 100000}
