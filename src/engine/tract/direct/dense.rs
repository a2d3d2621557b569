//! A product with a stored matrix, which is what a layer of a network mostly is.

use fearless_simd::{Level, dispatch, f32x8, prelude::*};
use tract_onnx::prelude::{DatumType, TVec};
use tract_onnx::tract_core::ops::einsum::EinSum;

/// Columns of the weights that lie together, and are computed at once.
const WIDTH: usize = 8;

/// What goes into an output is summed in the order of the inputs, with products that are not rounded where the processor
/// has such an instruction. So do the library's kernels, and a row is answered with the same bits here and there.
#[derive(Debug)]
pub struct Dense {
    /// In panels of [`WIDTH`] columns with a row for each input; zeros stand in for columns that the last one lacks.
    panels: Vec<Vec<[f32; WIDTH]>>,
    inputs: usize,
    outputs: usize,
    level: Level,
}

/// An axis of one side of the product.
struct Axis {
    /// Its place on that side.
    at: usize,
    role: Role,
    /// Its place among all axes of the product.
    number: usize,
    size: usize,
}

/// What an axis of the product is to the side that is computed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Of the input and of the output.
    Row,
    /// Summed over.
    Inner,
    /// Of the output alone.
    Outer,
}

impl Dense {
    /// The product as rows times a matrix, if it is one: `stored` is the position of the input whose elements `weights`
    /// are. Axes of size one are nowhere in memory, so they may stand anywhere.
    pub fn of(
        product: &EinSum,
        stored: usize,
        weights: &[f32],
        shapes: [&[usize]; 2],
        output: &[usize],
    ) -> Option<Self> {
        if product.q_params.is_some() || product.operating_dt != DatumType::F32 {
            return None;
        }
        let given = 1 - stored;
        let (mut of_given, mut of_output, mut of_weights) = (TVec::<Axis>::new(), TVec::<Axis>::new(), TVec::new());
        for (number, axis) in product.axes.iter_all_axes().enumerate() {
            let place = |places: &[usize]| match *places {
                [] => Some(None),
                [place] => Some(Some(place)),
                _ => None,
            };
            let (input, matrix) = (place(&axis.inputs[given])?, place(&axis.inputs[stored])?);
            let out = place(&axis.outputs[0])?;
            let sizes =
                [input.map(|at| shapes[given][at]), matrix.map(|at| shapes[stored][at]), out.map(|at| output[at])];
            let mut sizes = sizes.into_iter().flatten();
            let size = sizes.next()?;
            if sizes.any(|other| other != size) {
                return None;
            }
            if size == 1 {
                continue;
            }
            let role = match (input.is_some(), matrix.is_some(), out.is_some()) {
                (true, false, true) => Role::Row,
                (true, true, false) => Role::Inner,
                (false, true, true) => Role::Outer,
                _ => return None,
            };
            input.into_iter().for_each(|at| of_given.push(Axis { at, role, number, size }));
            out.into_iter().for_each(|at| of_output.push(Axis { at, role, number, size }));
            matrix.into_iter().for_each(|at| of_weights.push((number, at)));
        }
        of_given.sort_unstable_by_key(|axis| axis.at);
        of_output.sort_unstable_by_key(|axis| axis.at);
        // Rows come first, and in the same order on both sides.
        let in_order = |axes: &[Axis]| axes.is_sorted_by_key(|axis| axis.role != Role::Row);
        let rows = |axes: &[Axis]| -> Vec<usize> {
            axes.iter().filter(|axis| axis.role == Role::Row).map(|axis| axis.number).collect()
        };
        if !in_order(&of_given) || !in_order(&of_output) || rows(&of_given) != rows(&of_output) {
            return None;
        }
        let stride = |number: usize| {
            let at = of_weights.iter().find(|(of, _)| *of == number).map(|(_, at)| *at);
            at.map_or(0, |at| shapes[stored][at + 1..].iter().product::<usize>())
        };
        // Where the elements of the axes of one role lie, in the order of `axes`.
        let offsets = |axes: &[Axis], role: Role| {
            axes.iter().filter(|axis| axis.role == role).fold(vec![0], |offsets, &Axis { number, size, .. }| {
                let each = |offset: usize| (0..size).map(move |step| offset + step * stride(number));
                offsets.into_iter().flat_map(each).collect::<Vec<usize>>()
            })
        };
        let (inner, outer) = (offsets(&of_given, Role::Inner), offsets(&of_output, Role::Outer));
        if inner.iter().max()? + outer.iter().max()? >= weights.len() {
            return None;
        }
        let panel = |columns: &[usize]| {
            let row =
                |&row: &usize| std::array::from_fn(|at| columns.get(at).map_or(0.0, |&column| weights[row + column]));
            inner.iter().map(row).collect()
        };
        let panels = outer.chunks(WIDTH).map(panel).collect();
        Some(Self { panels, inputs: inner.len(), outputs: outer.len(), level: Level::new() })
    }

    pub fn weight_bytes(&self) -> u64 {
        self.panels.iter().map(|panel| size_of_val(panel.as_slice()) as u64).sum()
    }

    /// Multiply-adds for so many elements that go in.
    pub fn work(&self, elements: usize) -> usize {
        elements * self.outputs
    }

    /// `to` is written whole.
    pub fn multiply(&self, from: &[f32], to: &mut [f32]) {
        dispatch!(self.level, simd => self.rows(simd, from, to));
    }

    /// Rows four by four, since each is a chain of additions that wait for each other; a row that is left, in four panels
    /// at once for the same reason.
    #[inline(always)]
    fn rows<S: Simd>(&self, simd: S, from: &[f32], to: &mut [f32]) {
        let mut rows = from.chunks_exact(self.inputs * 4);
        let mut answers = to.chunks_exact_mut(self.outputs * 4);
        for (rows, answers) in rows.by_ref().zip(answers.by_ref()) {
            let rows: [&[f32]; 4] = std::array::from_fn(|row| &rows[row * self.inputs..][..self.inputs]);
            for (at, panel) in self.panels.iter().enumerate() {
                let sums = tile(simd, rows, [panel.as_slice()]);
                for (sums, answer) in sums.iter().zip(answers.chunks_exact_mut(self.outputs)) {
                    put(simd, sums, &mut answer[at * WIDTH..]);
                }
            }
        }
        let answers = answers.into_remainder().chunks_exact_mut(self.outputs);
        for (row, answer) in rows.remainder().chunks_exact(self.inputs).zip(answers) {
            let mut answer = answer.chunks_mut(WIDTH * 4);
            let mut panels = self.panels.chunks_exact(4);
            for (panels, answer) in panels.by_ref().zip(answer.by_ref()) {
                let panels: [&[[f32; WIDTH]]; 4] = std::array::from_fn(|at| panels[at].as_slice());
                put(simd, &tile(simd, [row], panels)[0], answer);
            }
            let answer = answer.next().unwrap_or_default();
            match panels.remainder() {
                [] => {}
                [a] => put(simd, &tile(simd, [row], [a])[0], answer),
                [a, b] => put(simd, &tile(simd, [row], [a, b])[0], answer),
                [a, b, c, ..] => put(simd, &tile(simd, [row], [a, b, c])[0], answer),
            }
        }
    }
}

/// Sums of each row for each panel.
#[inline(always)]
fn tile<S: Simd, const R: usize, const P: usize>(
    simd: S,
    rows: [&[f32]; R],
    panels: [&[[f32; WIDTH]]; P],
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
fn put<S: Simd>(_simd: S, sums: &[f32x8<S>], to: &mut [f32]) {
    for (sum, to) in sums.iter().zip(to.chunks_mut(WIDTH)) {
        match <&mut [f32; WIDTH]>::try_from(&mut *to) {
            Ok(to) => sum.store_slice(to),
            Err(_) => {
                let mut all = [0.0; WIDTH];
                sum.store_slice(&mut all);
                to.copy_from_slice(&all[..to.len()]);
            }
        }
    }
}
