//! Lists of numbers that a node has as an attribute of floats or as a tensor.

use tract_onnx::prelude::{DatumType, Tensor};

use crate::engine::tract::checks::Refusal;
use crate::engine::tract::ops::node::{Node, malformed};
use crate::engine::tract::ops::values::slice;

/// Numbers with nothing lost, and whether they are of double precision.
#[derive(Debug, Default)]
pub struct Floats {
    pub values: Vec<f64>,
    pub wide: bool,
}

impl Floats {
    /// The attribute `name`, or the tensor `name_as_tensor` in its place; empty where there is neither.
    pub fn either(node: &Node, name: &str) -> Result<Self, Refusal> {
        let tensor = Self::tensor(node, &format!("{name}_as_tensor"))?;
        let plain = node.floats(name)?;
        match tensor {
            Some(_) if !plain.is_empty() => Err(malformed(format!("it has both {name} and {name}_as_tensor"))),
            Some(tensor) => Ok(tensor),
            None => Ok(Self { values: plain.iter().copied().map(f64::from).collect(), wide: false }),
        }
    }

    /// The tensor of this name, of whatever float type.
    pub fn tensor(node: &Node, name: &str) -> Result<Option<Self>, Refusal> {
        let Some(tensor) = node.tensor(name)? else { return Ok(None) };
        let datatype = tensor.datum_type();
        if !matches!(datatype, DatumType::F16 | DatumType::F32 | DatumType::F64) {
            return Err(malformed(format!("its attribute {name:?} has elements of {datatype:?}")));
        }
        let values = doubles(&tensor).ok_or_else(|| malformed(format!("its attribute {name:?} cannot be read")))?;
        Ok(Some(Self { values, wide: datatype == DatumType::F64 }))
    }
}

fn doubles(tensor: &Tensor) -> Option<Vec<f64>> {
    let wide = tensor.cast_to::<f64>().ok()?;
    slice::<f64>(&wide).ok().map(<[f64]>::to_vec)
}
