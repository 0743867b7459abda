target triple = "x86_64-unknown-linux-gnu"

define internal void @"elementwise"(ptr %context, ptr %checks, ptr %b0.x0, ptr %b1.x1, ptr %b2.out, i64 %s0.n) #0 {
entry:
  %v1 = and i64 %s0.n, -16
  %g2 = icmp slt i64 0, %v1
  br i1 %g2, label %loop2, label %done2
loop2:
  %i2 = phi i64 [ 0, %entry ], [ %n2, %loop2 ]
  %v3 = getelementptr float, ptr %b0.x0, i64 %i2
  %v4 = load <16 x float>, ptr %v3, align 4
  %v5 = fmul <16 x float> %v4, splat (float 2.0)
  %v6 = getelementptr float, ptr %b1.x1, i64 %i2
  %v7 = load <16 x float>, ptr %v6, align 4
  %v8 = fadd <16 x float> %v5, %v7
  %v9 = getelementptr float, ptr %b2.out, i64 %i2
  store <16 x float> %v8, ptr %v9, align 4
  %n2 = add i64 %i2, 16
  %m2 = icmp slt i64 %n2, %v1
  br i1 %m2, label %loop2, label %done2
done2:
  %v10 = icmp slt i64 %v1, %s0.n
  %v12 = sub i64 0, %v1
  %v13 = add i64 %v12, %s0.n
  %v14 = call i64 @llvm.smin.i64(i64 %v13, i64 16)
  %v15 = trunc i64 %v14 to i32
  %v19 = getelementptr float, ptr %b0.x0, i64 %v1
  %v22 = getelementptr float, ptr %b1.x1, i64 %v1
  %v25 = getelementptr float, ptr %b2.out, i64 %v1
  br i1 %v10, label %then11, label %else11
then11:
  %v16 = insertelement <16 x i32> poison, i32 %v15, i64 0
  %v17 = shufflevector <16 x i32> %v16, <16 x i32> poison, <16 x i32> zeroinitializer
  %v18 = icmp slt <16 x i32> <i32 0, i32 1, i32 2, i32 3, i32 4, i32 5, i32 6, i32 7, i32 8, i32 9, i32 10, i32 11, i32 12, i32 13, i32 14, i32 15>, %v17
  %v20 = call <16 x float> @llvm.masked.load.v16f32.p0(ptr align 4 %v19, <16 x i1> %v18, <16 x float> zeroinitializer)
  %v21 = fmul <16 x float> %v20, splat (float 2.0)
  %v23 = call <16 x float> @llvm.masked.load.v16f32.p0(ptr align 4 %v22, <16 x i1> %v18, <16 x float> zeroinitializer)
  %v24 = fadd <16 x float> %v21, %v23
  call void @llvm.masked.store.v16f32.p0(<16 x float> %v24, ptr align 4 %v25, <16 x i1> %v18)
  br label %join11
else11:
  br label %join11
join11:
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

declare <16 x float> @llvm.masked.load.v16f32.p0(ptr, <16 x i1>, <16 x float>)
declare i64 @llvm.smin.i64(i64, i64)
declare void @llvm.masked.store.v16f32.p0(<16 x float>, ptr, <16 x i1>)

attributes #0 = { nounwind "prefer-vector-width"="512" }
!0 = !{!"branch_weights", i32 1, i32 100000}
