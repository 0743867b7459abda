target triple = "x86_64-unknown-linux-gnu"

; row_sums: %b0 x, %b1 out, %s0 rows, %s1 columns
define internal void @"row_sums.row"(ptr %captured, i64 %begin, i64 %end) #0 {
entry:
  %captured.0 = getelementptr i8, ptr %captured, i64 0
  %in.s1 = load i64, ptr %captured.0, align 8
  %captured.8 = getelementptr i8, ptr %captured, i64 8
  %in.b0 = load ptr, ptr %captured.8, align 8
  %captured.16 = getelementptr i8, ptr %captured, i64 16
  %in.b1 = load ptr, ptr %captured.16, align 8
  %v2 = and i64 %in.s1, -16
  %v9 = icmp slt i64 %v2, %in.s1
  %row.1.any = icmp slt i64 %begin, %end
  br i1 %row.1.any, label %row.1.body, label %row.1.done
row.1.body:
  %row.1 = phi i64 [ %begin, %entry ], [ %row.1.next, %join10 ]
  %v4 = mul i64 %in.s1, %row.1
  %v5 = getelementptr float, ptr %in.b0, i64 %v4
  %column.3.any = icmp slt i64 0, %v2
  br i1 %column.3.any, label %column.3.body, label %column.3.done
column.3.body:
  %column.3 = phi i64 [ 0, %row.1.body ], [ %column.3.next, %column.3.body ]
  %total.column.3 = phi <16 x float> [ splat (float 0.0), %row.1.body ], [ %v8, %column.3.body ]
  %v6 = getelementptr float, ptr %v5, i64 %column.3
  %v7 = load <16 x float>, ptr %v6, align 4
  %v8 = fadd <16 x float> %total.column.3, %v7
  %column.3.next = add i64 %column.3, 16
  %column.3.more = icmp slt i64 %column.3.next, %v2
  br i1 %column.3.more, label %column.3.body, label %column.3.done
column.3.done:
  %total.column.3.done = phi <16 x float> [ splat (float 0.0), %row.1.body ], [ %v8, %column.3.body ]
  br i1 %v9, label %then10, label %else10
then10:
  %v11 = sub i64 %in.s1, %v2
  %v12 = trunc i64 %v11 to i32
  %v13 = insertelement <16 x i32> poison, i32 %v12, i64 0
  %v14 = shufflevector <16 x i32> %v13, <16 x i32> poison, <16 x i32> zeroinitializer
  %v15 = icmp slt <16 x i32> <i32 0, i32 1, i32 2, i32 3, i32 4, i32 5, i32 6, i32 7, i32 8, i32 9, i32 10, i32 11, i32 12, i32 13, i32 14, i32 15>, %v14
  %v16 = getelementptr float, ptr %v5, i64 %v2
  %v17 = call <16 x float> @llvm.masked.load.v16f32.p0(ptr align 4 %v16, <16 x i1> %v15, <16 x float> zeroinitializer)
  %v18 = fadd <16 x float> %total.column.3.done, %v17
  %v19 = select <16 x i1> %v15, <16 x float> %v18, <16 x float> %total.column.3.done
  br label %join10
else10:
  br label %join10
join10:
  %v20 = phi <16 x float> [ %v19, %then10 ], [ %total.column.3.done, %else10 ]
  %v21 = shufflevector <16 x float> %v20, <16 x float> poison, <16 x i32> <i32 8, i32 9, i32 10, i32 11, i32 12, i32 13, i32 14, i32 15, i32 poison, i32 poison, i32 poison, i32 poison, i32 poison, i32 poison, i32 poison, i32 poison>
  %v22 = fadd <16 x float> %v20, %v21
  %v23 = shufflevector <16 x float> %v22, <16 x float> poison, <16 x i32> <i32 4, i32 5, i32 6, i32 7, i32 8, i32 9, i32 10, i32 11, i32 12, i32 13, i32 14, i32 15, i32 poison, i32 poison, i32 poison, i32 poison>
  %v24 = fadd <16 x float> %v22, %v23
  %v25 = shufflevector <16 x float> %v24, <16 x float> poison, <16 x i32> <i32 2, i32 3, i32 4, i32 5, i32 6, i32 7, i32 8, i32 9, i32 10, i32 11, i32 12, i32 13, i32 14, i32 15, i32 poison, i32 poison>
  %v26 = fadd <16 x float> %v24, %v25
  %v27 = shufflevector <16 x float> %v26, <16 x float> poison, <16 x i32> <i32 1, i32 2, i32 3, i32 4, i32 5, i32 6, i32 7, i32 8, i32 9, i32 10, i32 11, i32 12, i32 13, i32 14, i32 15, i32 poison>
  %v28 = fadd <16 x float> %v26, %v27
  %v29 = extractelement <16 x float> %v28, i64 0
  %v30 = getelementptr float, ptr %in.b1, i64 %row.1
  store float %v29, ptr %v30, align 4
  %row.1.next = add i64 %row.1, 1
  %row.1.more = icmp slt i64 %row.1.next, %end
  br i1 %row.1.more, label %row.1.body, label %row.1.done
row.1.done:
  ret void
}

define internal void @"row_sums"(ptr %context, ptr %checks, ptr %b0, ptr %b1, i64 %s0, i64 %s1) #0 {
entry:
  %stack1 = alloca [24 x i8], align 64
  store i64 %s1, ptr %stack1, align 8
  %v2 = getelementptr i8, ptr %stack1, i64 8
  store ptr %b0, ptr %v2, align 8
  %v3 = getelementptr i8, ptr %stack1, i64 16
  store ptr %b1, ptr %v3, align 8
  %v4 = call i64 @llvm.smax.i64(i64 %s1, i64 1)
  %v5 = mul i64 %v4, %s0
  %v6 = icmp slt i64 %v5, 30000
  br i1 %v6, label %alone7, label %shared7
alone7:
  call void @"row_sums.row"(ptr %stack1, i64 0, i64 %s0)
  br label %joined7
shared7:
  %run7 = load ptr, ptr %context, align 8
  call void %run7(ptr %context, ptr @"row_sums.row", ptr %stack1, i64 %s0, i64 %v4)
  br label %joined7
joined7:
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
  call void @"row_sums"(ptr %context, ptr null, ptr %v1, ptr %v3, i64 %v4, i64 %v6)
  ret i64 0
}

declare <16 x float> @llvm.masked.load.v16f32.p0(ptr, <16 x i1>, <16 x float>)
declare i64 @llvm.smax.i64(i64, i64)

attributes #0 = { nounwind "prefer-vector-width"="512" }
!0 = !{!"branch_weights", i32 1, i32 100000}
