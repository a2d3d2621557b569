//! `TensorScatter`: new entries written into a cache along one axis, each row of the batch from its own place on.

use tract_onnx::prelude::{Arc, Datum, TDim, TVec, Tensor, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::{Node, malformed};
use super::super::values::{required, slice, tensor};
use super::shapes::{axis, error, fact, for_any, integers};
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
struct TensorScatter {
    axis: i64,
    circular: bool,
}

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    let circular = match node.text_or("mode", "linear")? {
        "linear" => false,
        "circular" => true,
        other => return Err(malformed(format!("it has no mode {other:?}"))),
    };
    Ok(Arc::new(TensorScatter { axis: node.int_or("axis", -2)?, circular }))
}

impl Kernel for TensorScatter {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let (cache, update) = (required(inputs, 0)?, required(inputs, 1)?);
        if axis(self.axis, cache.rank())? == 0 || update.rank() != cache.rank() {
            return Err(error("it writes along an axis behind the batch, and of values with as many axes"));
        }
        let shape: TVec<TDim> = cache.shape.iter().cloned().collect();
        Ok(tvec![fact(cache.datum_type, &shape)])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let (cache, update) = (required(inputs, 0)?, required(inputs, 1)?);
        let along = axis(self.axis, cache.rank())?;
        let batch = cache.shape()[0];
        let starts = match inputs.get(2).copied().flatten() {
            Some(starts) => integers(starts)?,
            None => vec![0; batch],
        };
        let alike = (0..cache.rank()).all(|axis| axis == along || cache.shape()[axis] == update.shape()[axis]);
        if !alike || starts.len() != batch {
            return Err(error(format!("entries of shape {:?} do not go into {:?}", update.shape(), cache.shape())));
        }
        Ok(tvec![for_any!(cache.datum_type(), write(cache, update, along, &starts, self.circular))?])
    }
}

fn write<T: Datum>(
    cache: &Tensor,
    update: &Tensor,
    along: usize,
    starts: &[i64],
    circular: bool,
) -> TractResult<Tensor> {
    let mut values = slice::<T>(cache)?.to_vec();
    let new = slice::<T>(update)?;
    let (room, count) = (cache.shape()[along], update.shape()[along]);
    let middle: usize = cache.shape()[1..along].iter().product();
    let inner: usize = cache.shape()[along + 1..].iter().product();
    for (row, &start) in starts.iter().enumerate() {
        let start = usize::try_from(start).map_err(|_| error(format!("it cannot write from {start} on")))?;
        if count > room || (!circular && start.saturating_add(count) > room) {
            return Err(error(format!("{count} entries from {start} on do not fit into {room}")));
        }
        for block in row * middle..(row + 1) * middle {
            for entry in 0..count {
                let at = if circular { (start % room + entry) % room } else { start + entry };
                let from = &new[(block * count + entry) * inner..][..inner];
                values[(block * room + at) * inner..][..inner].clone_from_slice(from);
            }
        }
    }
    tensor(cache.shape(), values)
}
