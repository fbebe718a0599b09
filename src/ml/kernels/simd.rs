//! Sixteen lanes, and the three ways to compute on them: AVX-512, AVX2 with FMA, and plain Rust.
//!
//! All three do the same operations on the same operands in the same order, and every product that
//! is added is a fused multiply-add. So they give the same bits; only their speed differs.

use std::array::from_fn;

/// The number of images that lie side by side.
pub const LANES: usize = 16;

/// One value of each of sixteen images.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(C, align(64))]
pub(crate) struct Lanes(pub(crate) [f32; LANES]);

impl Lanes {
    pub(crate) const ZERO: Self = Self([0.0; LANES]);

    /// Returns some values, at most sixteen, with zeros after them.
    pub(crate) fn of(values: &[f32]) -> Self {
        Self(from_fn(|lane| values.get(lane).copied().unwrap_or(0.0)))
    }

    /// Returns ones in the first `count` lanes and zeros in the others.
    pub(crate) fn mask(count: usize) -> Self {
        Self(from_fn(|lane| if lane < count { 1.0 } else { 0.0 }))
    }
}

/// The instructions that kernels use. All give the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// Sixteen lanes at once.
    Avx512,
    /// Eight lanes at once.
    Avx2,
    /// What the compiler makes of plain Rust; slow where the processor has no fused multiply-add.
    Portable,
}

impl Path {
    /// Returns the fastest path of this processor.
    pub fn detect() -> Self {
        [Self::Avx512, Self::Avx2]
            .into_iter()
            .find(|path| path.is_available())
            .unwrap_or(Self::Portable)
    }

    /// Returns the path of a name: `avx512`, `avx2` or `portable`.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Avx512, Self::Avx2, Self::Portable]
            .into_iter()
            .find(|path| path.name() == name)
    }

    /// Returns the path's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Avx512 => "avx512",
            Self::Avx2 => "avx2",
            Self::Portable => "portable",
        }
    }

    /// Returns whether this processor has the instructions.
    pub fn is_available(self) -> bool {
        match self {
            Self::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("fma")
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }
}

/// Sixteen lanes in registers.
pub(crate) trait Simd {
    /// The lanes, in as many registers as they need.
    type Vector: Copy;
    /// Whether there are registers for the sums of eight times three places, rather than of two
    /// times three.
    const MANY_REGISTERS: bool;

    fn load(from: &Lanes) -> Self::Vector;
    fn store(vector: Self::Vector, to: &mut Lanes);
    fn splat(value: f32) -> Self::Vector;
    /// Returns `a · b + c`, rounded once.
    fn mul_add(a: Self::Vector, b: Self::Vector, c: Self::Vector) -> Self::Vector;
    fn add(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn sub(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    fn mul(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// Returns `a` where it is larger, else `b`.
    fn larger(a: Self::Vector, b: Self::Vector) -> Self::Vector;
    /// Returns `value` where `test` is positive, else zero.
    fn where_positive(test: Self::Vector, value: Self::Vector) -> Self::Vector;
    /// Returns `value` where `a` equals `b`, else zero.
    fn where_equal(a: Self::Vector, b: Self::Vector, value: Self::Vector) -> Self::Vector;
    /// Adds all lanes up in double precision: each half to the other, down to one.
    fn sum(lanes: &Lanes) -> f64;
}

/// Work that is compiled once for each path; everything that it calls is inlined into it.
pub(crate) trait Task {
    type Output;
    fn run<S: Simd>(self) -> Self::Output;
}

/// Runs `task` with the instructions of `path`, which the processor must have.
pub(crate) fn run<T: Task>(path: Path, task: T) -> T::Output {
    assert!(path.is_available(), "invariant: the processor has the path");
    match path {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the processor has the instructions, as was just asserted.
        Path::Avx512 => unsafe { x86::on_avx512(task) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the processor has the instructions, as was just asserted.
        Path::Avx2 => unsafe { x86::on_avx2(task) },
        _ => task.run::<Portable>(),
    }
}

/// Plain Rust.
struct Portable;

impl Simd for Portable {
    type Vector = [f32; LANES];
    const MANY_REGISTERS: bool = false;

    #[inline(always)]
    fn load(from: &Lanes) -> [f32; LANES] {
        from.0
    }

    #[inline(always)]
    fn store(vector: [f32; LANES], to: &mut Lanes) {
        to.0 = vector;
    }

    #[inline(always)]
    fn splat(value: f32) -> [f32; LANES] {
        [value; LANES]
    }

    #[inline(always)]
    fn mul_add(a: [f32; LANES], b: [f32; LANES], c: [f32; LANES]) -> [f32; LANES] {
        from_fn(|lane| a[lane].mul_add(b[lane], c[lane]))
    }

    #[inline(always)]
    fn add(a: [f32; LANES], b: [f32; LANES]) -> [f32; LANES] {
        from_fn(|lane| a[lane] + b[lane])
    }

    #[inline(always)]
    fn sub(a: [f32; LANES], b: [f32; LANES]) -> [f32; LANES] {
        from_fn(|lane| a[lane] - b[lane])
    }

    #[inline(always)]
    fn mul(a: [f32; LANES], b: [f32; LANES]) -> [f32; LANES] {
        from_fn(|lane| a[lane] * b[lane])
    }

    #[inline(always)]
    fn larger(a: [f32; LANES], b: [f32; LANES]) -> [f32; LANES] {
        from_fn(|lane| if a[lane] > b[lane] { a[lane] } else { b[lane] })
    }

    #[inline(always)]
    fn where_positive(test: [f32; LANES], value: [f32; LANES]) -> [f32; LANES] {
        from_fn(|lane| if test[lane] > 0.0 { value[lane] } else { 0.0 })
    }

    #[inline(always)]
    fn where_equal(a: [f32; LANES], b: [f32; LANES], value: [f32; LANES]) -> [f32; LANES] {
        from_fn(|lane| if a[lane] == b[lane] { value[lane] } else { 0.0 })
    }

    #[inline(always)]
    fn sum(lanes: &Lanes) -> f64 {
        let wide = lanes.0.map(f64::from);
        let eight: [f64; 8] = from_fn(|lane| wide[lane] + wide[lane + 8]);
        let four: [f64; 4] = from_fn(|lane| eight[lane] + eight[lane + 4]);
        (four[0] + four[2]) + (four[1] + four[3])
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m256, __m256d, __m512, _CMP_EQ_OQ, _CMP_GT_OQ, _mm_add_pd, _mm_add_sd, _mm_cvtsd_f64,
        _mm_load_ps, _mm_unpackhi_pd, _mm256_add_pd, _mm256_add_ps, _mm256_and_ps,
        _mm256_castpd256_pd128, _mm256_cmp_ps, _mm256_cvtps_pd, _mm256_extractf128_pd,
        _mm256_fmadd_ps, _mm256_load_ps, _mm256_max_ps, _mm256_mul_ps, _mm256_set1_ps,
        _mm256_setzero_ps, _mm256_store_ps, _mm256_sub_ps, _mm512_add_pd, _mm512_add_ps,
        _mm512_castpd512_pd256, _mm512_cmp_ps_mask, _mm512_cvtps_pd, _mm512_extractf64x4_pd,
        _mm512_fmadd_ps, _mm512_load_ps, _mm512_maskz_mov_ps, _mm512_max_ps, _mm512_mul_ps,
        _mm512_set1_ps, _mm512_setzero_ps, _mm512_store_ps, _mm512_sub_ps,
    };

    use super::{Lanes, Simd, Task};

    #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
    pub(super) fn on_avx512<T: Task>(task: T) -> T::Output {
        task.run::<Avx512>()
    }

    #[target_feature(enable = "avx2,fma")]
    pub(super) fn on_avx2<T: Task>(task: T) -> T::Output {
        task.run::<Avx2>()
    }

    /// Named by `on_avx512` alone, so its instructions run only where they are there.
    struct Avx512;

    impl Simd for Avx512 {
        type Vector = __m512;
        const MANY_REGISTERS: bool = true;

        #[inline(always)]
        fn load(from: &Lanes) -> __m512 {
            // SAFETY: lanes are 64 aligned bytes; the processor has the instruction (see above).
            unsafe { _mm512_load_ps(from.0.as_ptr()) }
        }

        #[inline(always)]
        fn store(vector: __m512, to: &mut Lanes) {
            // SAFETY: lanes are 64 aligned bytes; the processor has the instruction (see above).
            unsafe { _mm512_store_ps(to.0.as_mut_ptr(), vector) }
        }

        #[inline(always)]
        fn splat(value: f32) -> __m512 {
            // SAFETY: the processor has the instruction (see above).
            unsafe { _mm512_set1_ps(value) }
        }

        #[inline(always)]
        fn mul_add(a: __m512, b: __m512, c: __m512) -> __m512 {
            // SAFETY: the processor has the instruction (see above).
            unsafe { _mm512_fmadd_ps(a, b, c) }
        }

        #[inline(always)]
        fn add(a: __m512, b: __m512) -> __m512 {
            // SAFETY: the processor has the instruction (see above).
            unsafe { _mm512_add_ps(a, b) }
        }

        #[inline(always)]
        fn sub(a: __m512, b: __m512) -> __m512 {
            // SAFETY: the processor has the instruction (see above).
            unsafe { _mm512_sub_ps(a, b) }
        }

        #[inline(always)]
        fn mul(a: __m512, b: __m512) -> __m512 {
            // SAFETY: the processor has the instruction (see above).
            unsafe { _mm512_mul_ps(a, b) }
        }

        #[inline(always)]
        fn larger(a: __m512, b: __m512) -> __m512 {
            // SAFETY: the processor has the instruction (see above).
            unsafe { _mm512_max_ps(a, b) }
        }

        #[inline(always)]
        fn where_positive(test: __m512, value: __m512) -> __m512 {
            // SAFETY: the processor has the instructions (see above).
            unsafe {
                let positive = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(test, _mm512_setzero_ps());
                _mm512_maskz_mov_ps(positive, value)
            }
        }

        #[inline(always)]
        fn where_equal(a: __m512, b: __m512, value: __m512) -> __m512 {
            // SAFETY: the processor has the instructions (see above).
            unsafe { _mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_EQ_OQ>(a, b), value) }
        }

        #[inline(always)]
        fn sum(lanes: &Lanes) -> f64 {
            // SAFETY: lanes are 64 aligned bytes; the processor has the instructions (see above).
            unsafe {
                let low = _mm512_cvtps_pd(_mm256_load_ps(lanes.0.as_ptr()));
                let high = _mm512_cvtps_pd(_mm256_load_ps(lanes.0[8..].as_ptr()));
                let eight = _mm512_add_pd(low, high);
                let high = _mm512_extractf64x4_pd::<1>(eight);
                sum_of_four(_mm256_add_pd(_mm512_castpd512_pd256(eight), high))
            }
        }
    }

    /// The lower and the upper lanes.
    type Halves = (__m256, __m256);

    /// Named by `on_avx2` alone, so its instructions run only where they are there.
    struct Avx2;

    impl Simd for Avx2 {
        type Vector = Halves;
        const MANY_REGISTERS: bool = false;

        #[inline(always)]
        fn load(from: &Lanes) -> Halves {
            let (low, high) = from.0.split_at(8);
            // SAFETY: halves of the lanes are 32 aligned bytes; the processor has the instruction
            // (see above).
            unsafe { (_mm256_load_ps(low.as_ptr()), _mm256_load_ps(high.as_ptr())) }
        }

        #[inline(always)]
        fn store(vector: Halves, to: &mut Lanes) {
            let (low, high) = to.0.split_at_mut(8);
            // SAFETY: halves of the lanes are 32 aligned bytes; the processor has the instruction
            // (see above).
            unsafe {
                _mm256_store_ps(low.as_mut_ptr(), vector.0);
                _mm256_store_ps(high.as_mut_ptr(), vector.1);
            }
        }

        #[inline(always)]
        fn splat(value: f32) -> Halves {
            // SAFETY: the processor has the instruction (see above).
            let eight = unsafe { _mm256_set1_ps(value) };
            (eight, eight)
        }

        #[inline(always)]
        fn mul_add(a: Halves, b: Halves, c: Halves) -> Halves {
            // SAFETY: the processor has the instruction (see above).
            unsafe {
                let low = _mm256_fmadd_ps(a.0, b.0, c.0);
                (low, _mm256_fmadd_ps(a.1, b.1, c.1))
            }
        }

        #[inline(always)]
        fn add(a: Halves, b: Halves) -> Halves {
            // SAFETY: the processor has the instruction (see above).
            unsafe { (_mm256_add_ps(a.0, b.0), _mm256_add_ps(a.1, b.1)) }
        }

        #[inline(always)]
        fn sub(a: Halves, b: Halves) -> Halves {
            // SAFETY: the processor has the instruction (see above).
            unsafe { (_mm256_sub_ps(a.0, b.0), _mm256_sub_ps(a.1, b.1)) }
        }

        #[inline(always)]
        fn mul(a: Halves, b: Halves) -> Halves {
            // SAFETY: the processor has the instruction (see above).
            unsafe { (_mm256_mul_ps(a.0, b.0), _mm256_mul_ps(a.1, b.1)) }
        }

        #[inline(always)]
        fn larger(a: Halves, b: Halves) -> Halves {
            // SAFETY: the processor has the instruction (see above).
            unsafe { (_mm256_max_ps(a.0, b.0), _mm256_max_ps(a.1, b.1)) }
        }

        #[inline(always)]
        fn where_positive(test: Halves, value: Halves) -> Halves {
            // SAFETY: the processor has the instructions (see above).
            unsafe {
                let zero = _mm256_setzero_ps();
                let low = _mm256_cmp_ps::<_CMP_GT_OQ>(test.0, zero);
                let high = _mm256_cmp_ps::<_CMP_GT_OQ>(test.1, zero);
                (_mm256_and_ps(low, value.0), _mm256_and_ps(high, value.1))
            }
        }

        #[inline(always)]
        fn where_equal(a: Halves, b: Halves, value: Halves) -> Halves {
            // SAFETY: the processor has the instructions (see above).
            unsafe {
                let low = _mm256_cmp_ps::<_CMP_EQ_OQ>(a.0, b.0);
                let high = _mm256_cmp_ps::<_CMP_EQ_OQ>(a.1, b.1);
                (_mm256_and_ps(low, value.0), _mm256_and_ps(high, value.1))
            }
        }

        #[inline(always)]
        fn sum(lanes: &Lanes) -> f64 {
            // SAFETY: each quarter of the lanes is 16 aligned bytes; the processor has the
            // instructions (see above).
            unsafe {
                let quarter = |at: usize| _mm256_cvtps_pd(_mm_load_ps(lanes.0[at..].as_ptr()));
                let low = _mm256_add_pd(quarter(0), quarter(8));
                let high = _mm256_add_pd(quarter(4), quarter(12));
                sum_of_four(_mm256_add_pd(low, high))
            }
        }
    }

    /// Adds the first to the third and the second to the fourth, and both.
    #[inline]
    #[target_feature(enable = "avx2,fma")]
    fn sum_of_four(four: __m256d) -> f64 {
        let two = _mm_add_pd(
            _mm256_castpd256_pd128(four),
            _mm256_extractf128_pd::<1>(four),
        );
        _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)))
    }
}
