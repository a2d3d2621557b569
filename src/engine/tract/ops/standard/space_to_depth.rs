//! `SpaceToDepth`: blocks of pixels become channels, in either order.

use tract_onnx::prelude::{Arc, TDim, TVec, Tensor, TractResult, TypedFact, tvec};

use super::super::Kernel;
use super::super::node::{Node, malformed};
use super::super::values::required;
use super::shapes::{POSITION, each, error, fact, pick, volume};
use crate::engine::tract::checks::Refusal;

#[derive(Debug)]
struct SpaceToDepth {
    block: usize,
    /// Whether the channels of the input, and not the places in the block, count slowest.
    channels_first: bool,
}

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    let block = node.int("blocksize")?.and_then(|block| usize::try_from(block).ok()).filter(|&block| block > 0);
    let channels_first = match node.text_or("mode", "DCR")? {
        "DCR" => false,
        "CRD" => true,
        other => return Err(malformed(format!("it has no mode {other:?}"))),
    };
    let block = block.ok_or_else(|| malformed("its blocksize is missing or not positive"))?;
    Ok(Arc::new(SpaceToDepth { block, channels_first }))
}

impl Kernel for SpaceToDepth {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let input = required(inputs, 0)?;
        let [batch, channels, height, width] = &*input.shape.to_tvec() else {
            return Err(error("it takes a batch of images"));
        };
        let block = i64::try_from(self.block)?;
        for side in [height, width] {
            if side.to_i64().is_ok_and(|side| side % block != 0) {
                return Err(error(format!("sides of {height} and {width} are not made of blocks of {block}")));
            }
        }
        let channels = channels.clone() * block * block;
        let shape: TVec<TDim> = tvec![batch.clone(), channels, height.clone() / block, width.clone() / block];
        Ok(tvec![fact(input.datum_type, &shape)])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let (input, block) = (required(inputs, 0)?, self.block);
        let &[batch, channels, height, width] = input.shape() else { return Err(error("it takes a batch of images")) };
        if height % block != 0 || width % block != 0 {
            return Err(error(format!("sides of {height} and {width} are not made of blocks of {block}")));
        }
        let shape = [batch, channels * block * block, height / block, width / block];
        let mut positions = Vec::with_capacity(volume(&shape, input.datum_type(), POSITION)?);
        each(&shape, |at| {
            let (channel, place) = match self.channels_first {
                true => (at[1] / (block * block), at[1] % (block * block)),
                false => (at[1] % channels, at[1] / channels),
            };
            let (y, x) = (at[2] * block + place / block, at[3] * block + place % block);
            positions.push(((at[0] * channels + channel) * height + y) * width + x);
        });
        Ok(tvec![pick(input, &shape, &positions, None)?])
    }
}
