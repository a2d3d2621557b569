//! Rows times a matrix, with the vector instructions that the processor has.
//!
//! What goes into an element is summed in the order of the inputs, with products that are not rounded where there is such an
//! instruction. So do most of the library's kernels, and then a row is answered with the same bits here and there.

use fearless_simd::{Level, dispatch, f32x8, prelude::*};

/// Columns of the matrix that lie together, and are computed at once.
pub const WIDTH: usize = 8;

/// Neighbouring columns of one row of the matrix.
pub type Panel = [f32; WIDTH];

/// Rows of `inputs` elements times a matrix of `columns`, whose panels come column by column, each with as many rows as there
/// are inputs; whatever stands where the last columns are missing is computed and dropped. `to` is written whole.
pub fn multiply(level: Level, rows: &[f32], panels: &[Panel], inputs: usize, to: &mut [f32], columns: usize) {
    dispatch!(level, simd => all(simd, rows, panels, inputs, to, columns));
}

/// Rows four by four, since each is a chain of additions that wait for each other; a row that is left, in four panels at
/// once for the same reason.
#[inline(always)]
fn all<S: Simd>(simd: S, rows: &[f32], panels: &[Panel], inputs: usize, to: &mut [f32], columns: usize) {
    let mut fours = rows.chunks_exact(inputs * 4);
    let mut answers = to.chunks_exact_mut(columns * 4);
    for (rows, answers) in fours.by_ref().zip(answers.by_ref()) {
        let rows: [&[f32]; 4] = std::array::from_fn(|row| &rows[row * inputs..][..inputs]);
        let mut pairs = panels.chunks_exact(inputs * 2);
        let mut at = 0;
        let mut store =
            |sums: &[f32x8<S>], row: usize, at: usize| put(sums, &mut answers[row * columns..][at..columns]);
        for pair in pairs.by_ref() {
            let (a, b) = pair.split_at(inputs);
            tile(simd, rows, [a, b]).iter().enumerate().for_each(|(row, sums)| store(sums, row, at));
            at += WIDTH * 2;
        }
        if !pairs.remainder().is_empty() {
            tile(simd, rows, [pairs.remainder()]).iter().enumerate().for_each(|(row, sums)| store(sums, row, at));
        }
    }
    for (row, answer) in fours.remainder().chunks_exact(inputs).zip(answers.into_remainder().chunks_exact_mut(columns))
    {
        let mut answer = answer.chunks_mut(WIDTH * 4);
        let mut fours = panels.chunks_exact(inputs * 4);
        for (four, answer) in fours.by_ref().zip(answer.by_ref()) {
            let four: [&[Panel]; 4] = std::array::from_fn(|at| &four[at * inputs..][..inputs]);
            put(&tile(simd, [row], four)[0], answer);
        }
        let answer = answer.next().unwrap_or_default();
        let left = fours.remainder();
        let nth = |at: usize| &left[at * inputs..][..inputs];
        match left.len() / inputs {
            0 => {}
            1 => put(&tile(simd, [row], [nth(0)])[0], answer),
            2 => put(&tile(simd, [row], [nth(0), nth(1)])[0], answer),
            _ => put(&tile(simd, [row], [nth(0), nth(1), nth(2)])[0], answer),
        }
    }
}

/// Sums of each row for each panel.
#[inline(always)]
fn tile<S: Simd, const R: usize, const P: usize>(
    simd: S,
    rows: [&[f32]; R],
    panels: [&[Panel]; P],
) -> [[f32x8<S>; P]; R] {
    let mut sums = [[f32x8::splat(simd, 0.0); P]; R];
    let inputs = panels[0].len();
    // Lengths that are seen to be equal are not checked in each step.
    let (rows, panels) = (rows.map(|row| &row[..inputs]), panels.map(|panel| &panel[..inputs]));
    for input in 0..inputs {
        let weights = panels.map(|panel| f32x8::from_slice(simd, &panel[input]));
        for (sums, row) in sums.iter_mut().zip(rows) {
            let value = f32x8::splat(simd, row[input]);
            for (sum, &weights) in sums.iter_mut().zip(&weights) {
                *sum = value.mul_add(weights, *sum);
            }
        }
    }
    sums
}

/// As many of the sums as there is room for.
#[inline(always)]
fn put<S: Simd>(sums: &[f32x8<S>], to: &mut [f32]) {
    for (sum, to) in sums.iter().zip(to.chunks_mut(WIDTH)) {
        match <&mut Panel>::try_from(&mut *to) {
            Ok(to) => sum.store_slice(to),
            Err(_) => {
                let mut all = Panel::default();
                sum.store_slice(&mut all);
                to.copy_from_slice(&all[..to.len()]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Small whole numbers, so that no sum is rounded.
    fn number(at: usize) -> f32 {
        (at * 7 % 11) as f32 - 5.0
    }

    #[test]
    fn products_of_all_sizes_are_those_of_the_definition() {
        for rows in 1..10 {
            for columns in [1, 3, 8, 9, 16, 23, 31, 32, 33, 64, 65] {
                for inputs in [1, 2, 5] {
                    let left: Vec<f32> = (0..rows * inputs).map(number).collect();
                    let right = |input: usize, column: usize| number(input * columns + column + 3);
                    let panel = |first: usize, input: usize| std::array::from_fn(|at| right(input, first + at));
                    let firsts = (0..columns).step_by(WIDTH);
                    let panels: Vec<Panel> =
                        firsts.flat_map(|first| (0..inputs).map(move |input| panel(first, input))).collect();
                    let mut got = vec![f32::NAN; rows * columns];
                    multiply(Level::new(), &left, &panels, inputs, &mut got, columns);
                    for (at, &got) in got.iter().enumerate() {
                        let (row, column) = (at / columns, at % columns);
                        let want: f32 = (0..inputs).map(|i| left[row * inputs + i] * right(i, column)).sum();
                        assert_eq!(got, want, "{rows} x {inputs} x {columns}, element {row}, {column}");
                    }
                }
            }
        }
    }
}
