target triple = "x86_64-unknown-linux-gnu"

define internal void @"elementwise"(ptr %context, ptr %checks, ptr %b0.x0, ptr %b1.x1, ptr %b2.out, i64 %s0.n) #0 {
entry:
  %v1 = and i64 %s0.n, -16
  %g2 = icmp slt i64 0, %v1
  br i1 %g2, label %loop2, label %done2
loop2:
  %i2 = phi i64 [ 0, %entry ], [ %n2, %loop2 ]
  %v3 = getelementptr half, ptr %b0.x0, i64 %i2
  %v4 = load <16 x half>, ptr %v3, align 2
  %v5 = fpext <16 x half> %v4 to <16 x float>
  %v6 = getelementptr i16, ptr %b1.x1, i64 %i2
  %v7 = load <16 x i16>, ptr %v6, align 2
  %v8 = zext <16 x i16> %v7 to <16 x i32>
  %v9 = shl <16 x i32> %v8, splat (i32 16)
  %v10 = bitcast <16 x i32> %v9 to <16 x float>
  %v11 = fadd <16 x float> %v5, %v10
  %v12 = bitcast <16 x float> %v11 to <16 x i32>
  %v13 = lshr <16 x i32> %v12, splat (i32 16)
  %v14 = and <16 x i32> %v13, splat (i32 1)
  %v15 = add <16 x i32> %v14, splat (i32 32767)
  %v16 = add <16 x i32> %v12, %v15
  %v17 = or <16 x i32> %v12, splat (i32 4194304)
  %v18 = fcmp uno <16 x float> %v11, %v11
  %v19 = select <16 x i1> %v18, <16 x i32> %v17, <16 x i32> %v16
  %v20 = lshr <16 x i32> %v19, splat (i32 16)
  %v21 = trunc <16 x i32> %v20 to <16 x i16>
  %v22 = getelementptr i16, ptr %b2.out, i64 %i2
  store <16 x i16> %v21, ptr %v22, align 2
  %n2 = add i64 %i2, 16
  %m2 = icmp slt i64 %n2, %v1
  br i1 %m2, label %loop2, label %done2
done2:
  %v23 = icmp slt i64 %v1, %s0.n
  %v25 = sub i64 0, %v1
  %v26 = add i64 %v25, %s0.n
  %v27 = call i64 @llvm.smin.i64(i64 %v26, i64 16)
  %v28 = trunc i64 %v27 to i32
  %v32 = getelementptr half, ptr %b0.x0, i64 %v1
  %v35 = getelementptr i16, ptr %b1.x1, i64 %v1
  %v51 = getelementptr i16, ptr %b2.out, i64 %v1
  br i1 %v23, label %then24, label %else24
then24:
  %v29 = insertelement <16 x i32> poison, i32 %v28, i64 0
  %v30 = shufflevector <16 x i32> %v29, <16 x i32> poison, <16 x i32> zeroinitializer
  %v31 = icmp slt <16 x i32> <i32 0, i32 1, i32 2, i32 3, i32 4, i32 5, i32 6, i32 7, i32 8, i32 9, i32 10, i32 11, i32 12, i32 13, i32 14, i32 15>, %v30
  %v33 = call <16 x half> @llvm.masked.load.v16f16.p0(ptr align 2 %v32, <16 x i1> %v31, <16 x half> zeroinitializer)
  %v34 = fpext <16 x half> %v33 to <16 x float>
  %v36 = call <16 x i16> @llvm.masked.load.v16i16.p0(ptr align 2 %v35, <16 x i1> %v31, <16 x i16> zeroinitializer)
  %v37 = zext <16 x i16> %v36 to <16 x i32>
  %v38 = shl <16 x i32> %v37, splat (i32 16)
  %v39 = bitcast <16 x i32> %v38 to <16 x float>
  %v40 = fadd <16 x float> %v34, %v39
  %v41 = bitcast <16 x float> %v40 to <16 x i32>
  %v42 = lshr <16 x i32> %v41, splat (i32 16)
  %v43 = and <16 x i32> %v42, splat (i32 1)
  %v44 = add <16 x i32> %v43, splat (i32 32767)
  %v45 = add <16 x i32> %v41, %v44
  %v46 = or <16 x i32> %v41, splat (i32 4194304)
  %v47 = fcmp uno <16 x float> %v40, %v40
  %v48 = select <16 x i1> %v47, <16 x i32> %v46, <16 x i32> %v45
  %v49 = lshr <16 x i32> %v48, splat (i32 16)
  %v50 = trunc <16 x i32> %v49 to <16 x i16>
  call void @llvm.masked.store.v16i16.p0(<16 x i16> %v50, ptr align 2 %v51, <16 x i1> %v31)
  br label %join24
else24:
  br label %join24
join24:
  ret void
}

define i64 @entry(ptr %context, ptr %pointers, ptr %sizes, ptr %arena) #0 {
entry:
  %v1 = getelementptr ptr, ptr %pointers, i64 0
  %v2 = load ptr, ptr %v1, align 8
  %v3 = getelementptr ptr, ptr %pointers, i64 1
  %v4 = load ptr, ptr %v3, align 8
  %v5 = getelementptr ptr, ptr %pointers, i64 2
  %v6 = load ptr, ptr %v5, align 8
  %v7 = getelementptr i64, ptr %sizes, i64 0
  %v8 = load i64, ptr %v7, align 8
  call void @"elementwise"(ptr %context, ptr null, ptr %v2, ptr %v4, ptr %v6, i64 %v8)
  ret i64 0
}

declare <16 x half> @llvm.masked.load.v16f16.p0(ptr, <16 x i1>, <16 x half>)
declare <16 x i16> @llvm.masked.load.v16i16.p0(ptr, <16 x i1>, <16 x i16>)
declare i64 @llvm.smin.i64(i64, i64)
declare void @llvm.masked.store.v16i16.p0(<16 x i16>, ptr, <16 x i1>)

attributes #0 = { nounwind "prefer-vector-width"="512" }
!0 = !{!"branch_weights", i32 1, i32 100000}
