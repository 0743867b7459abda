target triple = "x86_64-unknown-linux-gnu"

; checked: %b0 x, %b1 out, %s0 rows, %s1 columns
define internal void @"checked.row"(ptr %captured, i64 %begin, i64 %end) #0 {
entry:
  %captured.0 = getelementptr i8, ptr %captured, i64 0
  %in.s1 = load i64, ptr %captured.0, align 8
  %captured.8 = getelementptr i8, ptr %captured, i64 8
  %in.b0 = load ptr, ptr %captured.8, align 8
  %captured.16 = getelementptr i8, ptr %captured, i64 16
  %in.checks = load ptr, ptr %captured.16, align 8
  %captured.24 = getelementptr i8, ptr %captured, i64 24
  %in.b1 = load ptr, ptr %captured.24, align 8
  %v2 = and i64 %in.s1, -16
  %v21 = icmp slt i64 %v2, %in.s1
  %v47 = getelementptr i64, ptr %in.checks, i64 1
  %row.1.any = icmp slt i64 %begin, %end
  br i1 %row.1.any, label %row.1.body, label %row.1.done
row.1.body:
  %row.1 = phi i64 [ %begin, %entry ], [ %row.1.next, %pass46 ]
  %v4 = mul i64 %in.s1, %row.1
  %v5 = getelementptr i32, ptr %in.b0, i64 %v4
  %v19 = getelementptr i32, ptr %in.b1, i64 %v4
  %column.3.any = icmp slt i64 0, %v2
  br i1 %column.3.any, label %column.3.body, label %column.3.done
column.3.body:
  %column.3 = phi i64 [ 0, %row.1.body ], [ %column.3.next, %pass12 ]
  %v6 = getelementptr i32, ptr %v5, i64 %column.3
  %v7 = load <16 x i32>, ptr %v6, align 4
  %v8 = icmp sle <16 x i32> splat (i32 0), %v7
  %v9 = xor <16 x i1> %v8, splat (i1 true)
  %v10 = bitcast <16 x i1> %v9 to i16
  %v11 = icmp ne i16 %v10, 0
  %v13 = add i64 %v4, %column.3
  br i1 %v11, label %fail12, label %pass12, !prof !0
fail12:
  %v14 = insertelement <16 x i64> poison, i64 %v13, i64 0
  %v15 = shufflevector <16 x i64> %v14, <16 x i64> poison, <16 x i32> zeroinitializer
  %v16 = add <16 x i64> %v15, <i64 0, i64 1, i64 2, i64 3, i64 4, i64 5, i64 6, i64 7, i64 8, i64 9, i64 10, i64 11, i64 12, i64 13, i64 14, i64 15>
  %v17 = select <16 x i1> %v9, <16 x i64> %v16, <16 x i64> splat (i64 9223372036854775807)
  %v18 = call i64 @llvm.vector.reduce.umin.v16i64(<16 x i64> %v17)
  %old12 = atomicrmw umin ptr %in.checks, i64 %v18 monotonic
  br label %pass12
pass12:
  %v20 = getelementptr i32, ptr %v19, i64 %column.3
  store <16 x i32> %v7, ptr %v20, align 4
  %column.3.next = add i64 %column.3, 16
  %column.3.more = icmp slt i64 %column.3.next, %v2
  br i1 %column.3.more, label %column.3.body, label %column.3.done
column.3.done:
  br i1 %v21, label %then22, label %else22
then22:
  %v23 = sub i64 %in.s1, %v2
  %v24 = trunc i64 %v23 to i32
  %v25 = insertelement <16 x i32> poison, i32 %v24, i64 0
  %v26 = shufflevector <16 x i32> %v25, <16 x i32> poison, <16 x i32> zeroinitializer
  %v27 = icmp slt <16 x i32> <i32 0, i32 1, i32 2, i32 3, i32 4, i32 5, i32 6, i32 7, i32 8, i32 9, i32 10, i32 11, i32 12, i32 13, i32 14, i32 15>, %v26
  %v28 = getelementptr i32, ptr %v5, i64 %v2
  %v29 = call <16 x i32> @llvm.masked.load.v16i32.p0(ptr align 4 %v28, <16 x i1> %v27, <16 x i32> zeroinitializer)
  %v30 = icmp sle <16 x i32> splat (i32 0), %v29
  %v31 = xor <16 x i1> %v30, splat (i1 true)
  %v32 = and <16 x i1> %v31, %v27
  %v33 = bitcast <16 x i1> %v32 to i16
  %v34 = icmp ne i16 %v33, 0
  %v36 = add i64 %v4, %v2
  br i1 %v34, label %fail35, label %pass35, !prof !0
fail35:
  %v37 = insertelement <16 x i64> poison, i64 %v36, i64 0
  %v38 = shufflevector <16 x i64> %v37, <16 x i64> poison, <16 x i32> zeroinitializer
  %v39 = add <16 x i64> %v38, <i64 0, i64 1, i64 2, i64 3, i64 4, i64 5, i64 6, i64 7, i64 8, i64 9, i64 10, i64 11, i64 12, i64 13, i64 14, i64 15>
  %v40 = select <16 x i1> %v32, <16 x i64> %v39, <16 x i64> splat (i64 9223372036854775807)
  %v41 = call i64 @llvm.vector.reduce.umin.v16i64(<16 x i64> %v40)
  %old35 = atomicrmw umin ptr %in.checks, i64 %v41 monotonic
  br label %pass35
pass35:
  %v42 = getelementptr i32, ptr %v19, i64 %v2
  call void @llvm.masked.store.v16i32.p0(<16 x i32> %v29, ptr align 4 %v42, <16 x i1> %v27)
  br label %join22
else22:
  br label %join22
join22:
  %v43 = load i32, ptr %v5, align 4
  %v44 = icmp ne i32 %v43, 7
  %v45 = xor i1 %v44, true
  br i1 %v45, label %fail46, label %pass46, !prof !0
fail46:
  %old46 = atomicrmw umin ptr %v47, i64 %row.1 monotonic
  br label %pass46
pass46:
  %row.1.next = add i64 %row.1, 1
  %row.1.more = icmp slt i64 %row.1.next, %end
  br i1 %row.1.more, label %row.1.body, label %row.1.done
row.1.done:
  ret void
}

define internal void @"checked"(ptr %context, ptr %checks, ptr %b0, ptr %b1, i64 %s0, i64 %s1) #0 {
entry:
  %stack1 = alloca [32 x i8], align 64
  store i64 %s1, ptr %stack1, align 8
  %v2 = getelementptr i8, ptr %stack1, i64 8
  store ptr %b0, ptr %v2, align 8
  %v3 = getelementptr i8, ptr %stack1, i64 16
  store ptr %checks, ptr %v3, align 8
  %v4 = getelementptr i8, ptr %stack1, i64 24
  store ptr %b1, ptr %v4, align 8
  %v5 = mul i64 100000, %s0
  %v6 = icmp slt i64 %v5, 30000
  br i1 %v6, label %alone7, label %shared7
alone7:
  call void @"checked.row"(ptr %stack1, i64 0, i64 %s0)
  br label %joined7
shared7:
  %run7 = load ptr, ptr %context, align 8
  call void %run7(ptr %context, ptr @"checked.row", ptr %stack1, i64 %s0, i64 100000)
  br label %joined7
joined7:
  ret void
}

define i64 @entry(ptr %context, ptr %pointers, ptr %sizes, ptr %arena) #0 {
entry:
  %stack1 = alloca [2 x i64], align 8
  %v2 = getelementptr i64, ptr %stack1, i64 1
  store i64 9223372036854775807, ptr %stack1, align 8
  store i64 9223372036854775807, ptr %v2, align 8
  %v3 = load ptr, ptr %pointers, align 8
  %v4 = getelementptr ptr, ptr %pointers, i64 1
  %v5 = load ptr, ptr %v4, align 8
  %v6 = load i64, ptr %sizes, align 8
  %v7 = getelementptr i64, ptr %sizes, i64 1
  %v8 = load i64, ptr %v7, align 8
  call void @"checked"(ptr %context, ptr %stack1, ptr %v3, ptr %v5, i64 %v6, i64 %v8)
  %position9 = load i64, ptr %stack1, align 8
  %failed9 = icmp ne i64 %position9, 9223372036854775807
  br i1 %failed9, label %fail9, label %pass9, !prof !0
fail9:
  %where10 = getelementptr i8, ptr %context, i64 8
  store i64 %position9, ptr %where10, align 8
  ret i64 1
pass9:
  %position11 = load i64, ptr %v2, align 8
  %failed11 = icmp ne i64 %position11, 9223372036854775807
  br i1 %failed11, label %fail11, label %pass11, !prof !0
fail11:
  %where12 = getelementptr i8, ptr %context, i64 8
  store i64 %position11, ptr %where12, align 8
  ret i64 2
pass11:
  ret i64 0
}

declare <16 x i32> @llvm.masked.load.v16i32.p0(ptr, <16 x i1>, <16 x i32>)
declare i64 @llvm.vector.reduce.umin.v16i64(<16 x i64>)
declare void @llvm.masked.store.v16i32.p0(<16 x i32>, ptr, <16 x i1>)

attributes #0 = { nounwind "prefer-vector-width"="512" }
!0 = !{!"branch_weights", i32 1, i32 100000}
