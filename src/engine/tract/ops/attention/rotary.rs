//! `RotaryEmbedding` of `com.microsoft`: each head's values turned in pairs by angles that grow with the position. tract's
//! turns the wrong values where only a part of each head is to be turned.

use tract_onnx::prelude::{Arc, DatumType, TVec, Tensor, TractError, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::{Node, malformed};
use super::super::values::{one_of, required, slice, tensor};
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
struct Rotary {
    /// Whether a pair stands side by side, instead of half a head apart.
    interleaved: bool,
    heads: usize,
    /// How much of each head is turned; zero for all.
    part: usize,
}

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    let count = |name: &str| {
        usize::try_from(node.int_or(name, 0)?).map_err(|_| malformed(format!("its attribute {name:?} is negative")))
    };
    let rotary = Rotary {
        interleaved: node.int_or("interleaved", 0)? != 0,
        heads: count("num_heads")?,
        part: count("rotary_embedding_dim")?,
    };
    if node.float_or("scale", 1.0)? != 1.0 {
        return Err(Refusal::new("runtimes do not agree on what its scale does", "Export the model with scale = 1.0"));
    }
    if node.int_or("is_packed_batching", 0)? != 0 {
        return Err(Refusal::new("its sequences are packed", "Export the model with is_packed_batching = 0"));
    }
    if rotary.part > 0 && rotary.heads == 0 {
        return Err(malformed("it turns a part of each head and does not say how many heads there are"));
    }
    Ok(Arc::new(rotary))
}

impl Kernel for Rotary {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let x = required(inputs, 0)?;
        for input in [x, required(inputs, 2)?, required(inputs, 3)?] {
            one_of(input, &[DatumType::F32])?;
        }
        one_of(required(inputs, 1)?, &[DatumType::I64])?;
        if !matches!(x.rank(), 3 | 4) {
            return Err(TractError::msg(format!("it takes three or four axes, not the shape {:?}", x.shape)));
        }
        Ok(tvec![x.without_value()])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let [x, places, cos, sin] = [0, 1, 2, 3].map(|at| required(inputs, at));
        let (x, places, cos, sin) = (x?, slice::<i64>(places?)?, cos?, sin?);
        let &[known, half] = cos.shape() else { return Err(TractError::msg("its table of cosines has two axes")) };
        if sin.shape() != cos.shape() {
            return Err(TractError::msg("its tables of sines and cosines differ in shape"));
        }
        let (cos, sin) = (slice::<f32>(cos)?, slice::<f32>(sin)?);
        let turned = if self.part > 0 { self.part } else { 2 * half };
        // Steps along batch, position and head.
        let (batch, length, heads, width, steps) = match *x.shape() {
            [batch, length, all] => {
                let heads = if self.heads > 0 { self.heads } else { all / turned.max(1) };
                let width = all.checked_div(heads).unwrap_or(0);
                if width * heads != all {
                    return Err(TractError::msg(format!("{all} values do not make {heads} heads")));
                }
                (batch, length, heads, width, [length * all, all, width])
            }
            [batch, heads, length, width] => {
                (batch, length, heads, width, [heads * length * width, width, length * width])
            }
            ref shape => return Err(TractError::msg(format!("it takes three or four axes, not {shape:?}"))),
        };
        if turned != 2 * half || turned > width {
            return Err(TractError::msg(format!("tables for {half} pairs do not fit heads of {width} values")));
        }
        if places.len() != 1 && places.len() != batch * length {
            return Err(TractError::msg(format!("{} positions came for {batch} x {length}", places.len())));
        }
        let mut y = slice::<f32>(x)?.to_vec();
        for row in 0..batch {
            for at in 0..length {
                let place = match places {
                    [first] => first.saturating_add(at as i64),
                    _ => places[row * length + at],
                };
                let place = usize::try_from(place).ok().filter(|&place| place < known);
                let place = place.ok_or_else(|| TractError::msg(format!("a position lies outside its {known}")))?;
                let (cos, sin) = (&cos[place * half..][..half], &sin[place * half..][..half]);
                for head in 0..heads {
                    let start = row * steps[0] + at * steps[1] + head * steps[2];
                    self.turn(&mut y[start..start + turned], cos, sin);
                }
            }
        }
        Ok(tvec![tensor(x.shape(), y)?])
    }
}

impl Rotary {
    fn turn(&self, values: &mut [f32], cos: &[f32], sin: &[f32]) {
        let half = values.len() / 2;
        for (pair, (cos, sin)) in cos.iter().zip(sin).enumerate() {
            let (a, b) = if self.interleaved { (2 * pair, 2 * pair + 1) } else { (pair, pair + half) };
            (values[a], values[b]) = (values[a] * cos - values[b] * sin, values[b] * cos + values[a] * sin);
        }
    }
}
