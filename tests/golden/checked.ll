target triple = "x86_64-unknown-linux-gnu"

define internal void @"checked.row"(ptr %captured, i64 %begin, i64 %end) #0 {
entry:
  %p1 = getelementptr i8, ptr %captured, i64 0
  %a1 = load i64, ptr %p1, align 8
  %p2 = getelementptr i8, ptr %captured, i64 8
  %a2 = load ptr, ptr %p2, align 8
  %p3 = getelementptr i8, ptr %captured, i64 16
  %a3 = load ptr, ptr %p3, align 8
  %p4 = getelementptr i8, ptr %captured, i64 24
  %a4 = load ptr, ptr %p4, align 8
  %v2 = and i64 %a1, -16
  %v21 = icmp slt i64 %v2, %a1
  %v23 = sub i64 0, %v2
  %v24 = sub i64 %a1, %v2
  %v25 = call i64 @llvm.smin.i64(i64 %v24, i64 16)
  %v26 = trunc i64 %v25 to i32
  %v30 = getelementptr i32, ptr %a2, i64 %v2
  %v45 = getelementptr i32, ptr %a4, i64 %v2
  %v51 = getelementptr i64, ptr %a3, i64 1
  %g1 = icmp slt i64 %begin, %end
  br i1 %g1, label %loop1, label %done1
loop1:
  %i1 = phi i64 [ %begin, %entry ], [ %n1, %pass50 ]
  %v4 = mul i64 %a1, %i1
  %v5 = getelementptr i32, ptr %a2, i64 %v4
  %v19 = getelementptr i32, ptr %a4, i64 %v4
  %g3 = icmp slt i64 0, %v2
  br i1 %g3, label %loop3, label %done3
loop3:
  %i3 = phi i64 [ 0, %loop1 ], [ %n3, %pass12 ]
  %v6 = getelementptr i32, ptr %v5, i64 %i3
  %v7 = load <16 x i32>, ptr %v6, align 4
  %v8 = icmp sle <16 x i32> splat (i32 0), %v7
  %v9 = xor <16 x i1> %v8, splat (i1 true)
  %v10 = bitcast <16 x i1> %v9 to i16
  %v11 = icmp ne i16 %v10, 0
  %v13 = add i64 %v4, %i3
  br i1 %v11, label %fail12, label %pass12, !prof !0
fail12:
  %v14 = insertelement <16 x i64> poison, i64 %v13, i64 0
  %v15 = shufflevector <16 x i64> %v14, <16 x i64> poison, <16 x i32> zeroinitializer
  %v16 = add <16 x i64> %v15, <i64 0, i64 1, i64 2, i64 3, i64 4, i64 5, i64 6, i64 7, i64 8, i64 9, i64 10, i64 11, i64 12, i64 13, i64 14, i64 15>
  %v17 = select <16 x i1> %v9, <16 x i64> %v16, <16 x i64> splat (i64 9223372036854775807)
  %v18 = call i64 @llvm.vector.reduce.umin.v16i64(<16 x i64> %v17)
  %old12 = atomicrmw umin ptr %a3, i64 %v18 monotonic
  br label %pass12
pass12:
  %v20 = getelementptr i32, ptr %v19, i64 %i3
  store <16 x i32> %v7, ptr %v20, align 4
  %n3 = add i64 %i3, 16
  %m3 = icmp slt i64 %n3, %v2
  br i1 %m3, label %loop3, label %done3
done3:
  %v31 = getelementptr i32, ptr %v30, i64 %v4
  %v39 = add i64 %v2, %v4
  %v46 = getelementptr i32, ptr %v45, i64 %v4
  br i1 %v21, label %then22, label %else22
then22:
  %v27 = insertelement <16 x i32> poison, i32 %v26, i64 0
  %v28 = shufflevector <16 x i32> %v27, <16 x i32> poison, <16 x i32> zeroinitializer
  %v29 = icmp slt <16 x i32> <i32 0, i32 1, i32 2, i32 3, i32 4, i32 5, i32 6, i32 7, i32 8, i32 9, i32 10, i32 11, i32 12, i32 13, i32 14, i32 15>, %v28
  %v32 = call <16 x i32> @llvm.masked.load.v16i32.p0(ptr align 4 %v31, <16 x i1> %v29, <16 x i32> zeroinitializer)
  %v33 = icmp sle <16 x i32> splat (i32 0), %v32
  %v34 = xor <16 x i1> %v33, splat (i1 true)
  %v35 = and <16 x i1> %v34, %v29
  %v36 = bitcast <16 x i1> %v35 to i16
  %v37 = icmp ne i16 %v36, 0
  br i1 %v37, label %fail38, label %pass38, !prof !0
fail38:
  %v40 = insertelement <16 x i64> poison, i64 %v39, i64 0
  %v41 = shufflevector <16 x i64> %v40, <16 x i64> poison, <16 x i32> zeroinitializer
  %v42 = add <16 x i64> %v41, <i64 0, i64 1, i64 2, i64 3, i64 4, i64 5, i64 6, i64 7, i64 8, i64 9, i64 10, i64 11, i64 12, i64 13, i64 14, i64 15>
  %v43 = select <16 x i1> %v35, <16 x i64> %v42, <16 x i64> splat (i64 9223372036854775807)
  %v44 = call i64 @llvm.vector.reduce.umin.v16i64(<16 x i64> %v43)
  %old38 = atomicrmw umin ptr %a3, i64 %v44 monotonic
  br label %pass38
pass38:
  call void @llvm.masked.store.v16i32.p0(<16 x i32> %v32, ptr align 4 %v46, <16 x i1> %v29)
  br label %join22
else22:
  br label %join22
join22:
  %v47 = load i32, ptr %v5, align 4
  %v48 = icmp ne i32 %v47, 7
  %v49 = xor i1 %v48, true
  br i1 %v49, label %fail50, label %pass50, !prof !0
fail50:
  %old50 = atomicrmw umin ptr %v51, i64 %i1 monotonic
  br label %pass50
pass50:
  %n1 = add i64 %i1, 1
  %m1 = icmp slt i64 %n1, %end
  br i1 %m1, label %loop1, label %done1
done1:
  ret void
}

define internal void @"checked"(ptr %context, ptr %checks, ptr %b0.x, ptr %b1.out, i64 %s0.rows, i64 %s1.columns) #0 {
entry:
  %stack1 = alloca [32 x i8], align 64
  %v2 = getelementptr i8, ptr %stack1, i64 0
  store i64 %s1.columns, ptr %v2, align 8
  %v3 = getelementptr i8, ptr %stack1, i64 8
  store ptr %b0.x, ptr %v3, align 8
  %v4 = getelementptr i8, ptr %stack1, i64 16
  store ptr %checks, ptr %v4, align 8
  %v5 = getelementptr i8, ptr %stack1, i64 24
  store ptr %b1.out, ptr %v5, align 8
  %v6 = call i64 @llvm.smax.i64(i64 100000, i64 1)
  %v7 = mul i64 %v6, %s0.rows
  %v8 = icmp slt i64 %v7, 30000
  br i1 %v8, label %alone9, label %shared9
alone9:
  call void @"checked.row"(ptr %stack1, i64 0, i64 %s0.rows)
  br label %joined9
shared9:
  %share9 = udiv i64 10000, %v6
  %grain9 = add i64 %share9, 1
  %run9 = load ptr, ptr %context, align 8
  call void %run9(ptr %context, ptr @"checked.row", ptr %stack1, i64 %s0.rows, i64 %grain9)
  br label %joined9
joined9:
  ret void
}

define i64 @entry(ptr %context, ptr %pointers, ptr %sizes, ptr %arena) #0 {
entry:
  %stack1 = alloca [2 x i64], align 8
  %v2 = getelementptr i64, ptr %stack1, i64 0
  %v3 = getelementptr i64, ptr %stack1, i64 1
  store i64 9223372036854775807, ptr %v2, align 8
  store i64 9223372036854775807, ptr %v3, align 8
  %v4 = getelementptr ptr, ptr %pointers, i64 0
  %v5 = load ptr, ptr %v4, align 8
  %v6 = getelementptr ptr, ptr %pointers, i64 1
  %v7 = load ptr, ptr %v6, align 8
  %v8 = getelementptr i64, ptr %sizes, i64 0
  %v9 = load i64, ptr %v8, align 8
  %v10 = getelementptr i64, ptr %sizes, i64 1
  %v11 = load i64, ptr %v10, align 8
  call void @"checked"(ptr %context, ptr %stack1, ptr %v5, ptr %v7, i64 %v9, i64 %v11)
  %position12 = load i64, ptr %v2, align 8
  %failed12 = icmp ne i64 %position12, 9223372036854775807
  br i1 %failed12, label %fail12, label %pass12, !prof !0
fail12:
  %where13 = getelementptr i8, ptr %context, i64 8
  store i64 %position12, ptr %where13, align 8
  ret i64 1
pass12:
  %position14 = load i64, ptr %v3, align 8
  %failed14 = icmp ne i64 %position14, 9223372036854775807
  br i1 %failed14, label %fail14, label %pass14, !prof !0
fail14:
  %where15 = getelementptr i8, ptr %context, i64 8
  store i64 %position14, ptr %where15, align 8
  ret i64 2
pass14:
  ret i64 0
}

declare <16 x i32> @llvm.masked.load.v16i32.p0(ptr, <16 x i1>, <16 x i32>)
declare i64 @llvm.smax.i64(i64, i64)
declare i64 @llvm.smin.i64(i64, i64)
declare i64 @llvm.vector.reduce.umin.v16i64(<16 x i64>)
declare void @llvm.masked.store.v16i32.p0(<16 x i32>, ptr, <16 x i1>)

attributes #0 = { nounwind "prefer-vector-width"="512" }
!0 = !{!"branch_weights", i32 1, i32 100000}
