target triple = "x86_64-unknown-linux-gnu"

; elementwise: %b0 x0, %b1 x1, %b2 out, %s0 n
define internal void @"elementwise"(ptr %context, ptr %checks, ptr %b0, ptr %b1, ptr %b2, i64 %s0) #0 {
entry:
  %v1 = and i64 %s0, -16
  %i.2.any = icmp slt i64 0, %v1
  br i1 %i.2.any, label %i.2.body, label %i.2.done
i.2.body:
  %i.2 = phi i64 [ 0, %entry ], [ %i.2.next, %i.2.body ]
  %v3 = getelementptr half, ptr %b0, i64 %i.2
  %v4 = load <16 x half>, ptr %v3, align 2
  %v5 = fpext <16 x half> %v4 to <16 x float>
  %v6 = getelementptr i16, ptr %b1, i64 %i.2
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
  %v17 = fcmp uno <16 x float> %v11, %v11
  %v18 = or <16 x i32> %v12, splat (i32 4194304)
  %v19 = select <16 x i1> %v17, <16 x i32> %v18, <16 x i32> %v16
  %v20 = lshr <16 x i32> %v19, splat (i32 16)
  %v21 = trunc <16 x i32> %v20 to <16 x i16>
  %v22 = getelementptr i16, ptr %b2, i64 %i.2
  store <16 x i16> %v21, ptr %v22, align 2
  %i.2.next = add i64 %i.2, 16
  %i.2.more = icmp slt i64 %i.2.next, %v1
  br i1 %i.2.more, label %i.2.body, label %i.2.done
i.2.done:
  %v23 = icmp slt i64 %v1, %s0
  br i1 %v23, label %then24, label %else24
then24:
  %v25 = sub i64 %s0, %v1
  %v26 = trunc i64 %v25 to i32
  %v27 = insertelement <16 x i32> poison, i32 %v26, i64 0
  %v28 = shufflevector <16 x i32> %v27, <16 x i32> poison, <16 x i32> zeroinitializer
  %v29 = icmp slt <16 x i32> <i32 0, i32 1, i32 2, i32 3, i32 4, i32 5, i32 6, i32 7, i32 8, i32 9, i32 10, i32 11, i32 12, i32 13, i32 14, i32 15>, %v28
  %v30 = getelementptr half, ptr %b0, i64 %v1
  %v31 = call <16 x half> @llvm.masked.load.v16f16.p0(ptr align 2 %v30, <16 x i1> %v29, <16 x half> zeroinitializer)
  %v32 = fpext <16 x half> %v31 to <16 x float>
  %v33 = getelementptr i16, ptr %b1, i64 %v1
  %v34 = call <16 x i16> @llvm.masked.load.v16i16.p0(ptr align 2 %v33, <16 x i1> %v29, <16 x i16> zeroinitializer)
  %v35 = zext <16 x i16> %v34 to <16 x i32>
  %v36 = shl <16 x i32> %v35, splat (i32 16)
  %v37 = bitcast <16 x i32> %v36 to <16 x float>
  %v38 = fadd <16 x float> %v32, %v37
  %v39 = bitcast <16 x float> %v38 to <16 x i32>
  %v40 = lshr <16 x i32> %v39, splat (i32 16)
  %v41 = and <16 x i32> %v40, splat (i32 1)
  %v42 = add <16 x i32> %v41, splat (i32 32767)
  %v43 = add <16 x i32> %v39, %v42
  %v44 = fcmp uno <16 x float> %v38, %v38
  %v45 = or <16 x i32> %v39, splat (i32 4194304)
  %v46 = select <16 x i1> %v44, <16 x i32> %v45, <16 x i32> %v43
  %v47 = lshr <16 x i32> %v46, splat (i32 16)
  %v48 = trunc <16 x i32> %v47 to <16 x i16>
  %v49 = getelementptr i16, ptr %b2, i64 %v1
  call void @llvm.masked.store.v16i16.p0(<16 x i16> %v48, ptr align 2 %v49, <16 x i1> %v29)
  br label %join24
else24:
  br label %join24
join24:
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

declare <16 x half> @llvm.masked.load.v16f16.p0(ptr, <16 x i1>, <16 x half>)
declare <16 x i16> @llvm.masked.load.v16i16.p0(ptr, <16 x i1>, <16 x i16>)
declare void @llvm.masked.store.v16i16.p0(<16 x i16>, ptr, <16 x i1>)

attributes #0 = { nounwind "prefer-vector-width"="512" }
!0 = !{!"branch_weights", i32 1, i32 100000}
