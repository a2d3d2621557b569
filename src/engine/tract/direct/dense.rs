//! A product with a stored matrix, which is what a layer of a network mostly is.

use fearless_simd::Level;
use tract_onnx::prelude::{DatumType, TVec};
use tract_onnx::tract_core::ops::einsum::EinSum;

use super::product::{Panel, WIDTH, multiply};

/// A product with stored weights.
#[derive(Debug)]
pub struct Dense {
    /// With a column for each output.
    panels: Vec<Panel>,
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
            inner.iter().map(row).collect::<Vec<Panel>>()
        };
        let panels = outer.chunks(WIDTH).flat_map(panel).collect();
        Some(Self { panels, inputs: inner.len(), outputs: outer.len(), level: Level::new() })
    }

    pub fn weight_bytes(&self) -> u64 {
        size_of_val(self.panels.as_slice()) as u64
    }

    /// Multiply-adds for so many elements that go in.
    pub fn work(&self, elements: usize) -> usize {
        elements * self.outputs
    }

    /// `to` is written whole.
    pub fn multiply(&self, from: &[f32], to: &mut [f32]) {
        multiply(self.level, from, &self.panels, self.inputs, to, self.outputs);
    }
}
