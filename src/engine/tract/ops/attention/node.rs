//! The attributes, types and shapes of `Attention`, of all its operator sets.

use tract_onnx::pb::tensor_proto::DataType as OnnxType;
use tract_onnx::prelude::{Arc, DatumType, DatumTypeExt, TDim, TVec, Tensor, TractError, TractResult, TypedFact, tvec};
use tract_onnx::tract_hir::internal::DimLike;

use super::super::Kernel;
use super::super::node::{Node, malformed};
use super::super::values::{one_of, required};
use super::compute::{Given, attend};
use super::mask::View;
use crate::engine::tract::checks::Refusal;

/// Which stage of the scores the fourth output shows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shown {
    Products,
    Capped,
    Masked,
    Probabilities,
}

#[derive(Debug)]
pub struct Attention {
    pub view: View,
    pub scale: Option<f32>,
    pub softcap: f32,
    pub shown: Shown,
    /// Heads of queries and of keys, where the inputs have three axes.
    pub heads: Option<(usize, usize)>,
    /// Whether somebody wants the keys, the values and the scores.
    pub wanted: [bool; 3],
    pub precision: Option<i64>,
}

pub fn build(node: &Node) -> Result<Arc<dyn Kernel>, Refusal> {
    let heads = |name: &str| match node.int(name)? {
        None => Ok(None),
        Some(count) => match usize::try_from(count) {
            Ok(count @ 1..=65_536) => Ok(Some(count)),
            _ => Err(malformed(format!("its attribute {name:?} is {count}"))),
        },
    };
    let window = |name: &str| match node.int_or(name, -1)? {
        -1 => Ok(None),
        width @ 0.. => Ok(Some(width)),
        other => Err(malformed(format!("its attribute {name:?} is {other}"))),
    };
    let shown = match node.int_or("qk_matmul_output_mode", 0)? {
        0 => Shown::Products,
        1 => Shown::Capped,
        2 => Shown::Masked,
        3 => Shown::Probabilities,
        other => return Err(malformed(format!("its qk_matmul_output_mode is {other}"))),
    };
    if node.has_input(4) != node.has_input(5) {
        return Err(malformed("it has past keys or past values, but not both"));
    }
    if node.has_input(6) && node.has_input(4) {
        return Err(malformed("it has both past keys and lengths of the keys"));
    }
    Ok(Arc::new(Attention {
        view: View {
            causal: node.int_or("is_causal", 0)? != 0,
            before: window("left_window_size")?,
            after: window("right_window_size")?,
        },
        scale: node.float("scale")?,
        softcap: node.float_or("softcap", 0.0)?,
        shown,
        heads: heads("q_num_heads")?.zip(heads("kv_num_heads")?),
        wanted: [1, 2, 3].map(|at| node.has_output(at)),
        precision: node.int("softmax_precision")?,
    }))
}

/// Batch, heads, length and width of an input.
fn axes(fact: &TypedFact, heads: Option<usize>) -> TractResult<[TDim; 4]> {
    match (&*fact.shape.to_tvec(), heads) {
        ([batch, heads, length, width], _) => Ok([batch, heads, length, width].map(TDim::clone)),
        ([batch, length, all], Some(heads)) => {
            let width = all.to_usize().ok().filter(|all| all % heads == 0).map(|all| all / heads);
            let width = width.ok_or_else(|| TractError::msg(format!("{all} values do not make {heads} heads")))?;
            Ok([batch.clone(), heads.into(), length.clone(), width.into()])
        }
        ([_, _, _], None) => Err(TractError::msg("with three axes it must say its q_num_heads and kv_num_heads")),
        (shape, _) => Err(TractError::msg(format!("it takes three or four axes, not the shape {shape:?}"))),
    }
}

impl Kernel for Attention {
    fn facts(&self, inputs: &[Option<&TypedFact>]) -> TractResult<TVec<TypedFact>> {
        let (q, k, v) = (required(inputs, 0)?, required(inputs, 1)?, required(inputs, 2)?);
        let datatype = q.datum_type;
        for input in [q, k, v].into_iter().chain([4, 5].into_iter().filter_map(|at| inputs.get(at).copied().flatten()))
        {
            one_of(input, &[DatumType::F16, DatumType::F32, DatumType::F64])?;
            one_of(input, &[datatype])?;
        }
        if let Some(mask) = inputs.get(3).copied().flatten() {
            one_of(mask, &[DatumType::Bool, datatype])?;
        }
        if let Some(lengths) = inputs.get(6).copied().flatten() {
            one_of(lengths, &[DatumType::I64])?;
        }
        self.check_precision(datatype)?;
        let same_rank = q.rank() == k.rank() && q.rank() == v.rank();
        let [batch, q_heads, queries, width] = axes(q, self.heads.map(|heads| heads.0))?;
        let [_, kv_heads, keys, k_width] = axes(k, self.heads.map(|heads| heads.1))?;
        let [_, v_heads, _, v_width] = axes(v, self.heads.map(|heads| heads.1))?;
        let grouped = match (q_heads.to_usize(), kv_heads.to_usize()) {
            (Ok(q), Ok(kv)) => kv > 0 && q % kv == 0,
            _ => false,
        };
        if !same_rank || !grouped || k_width != width || v_heads != kv_heads {
            let shapes = [q, k, v].map(|fact| format!("{:?}", fact.shape));
            return Err(TractError::msg(format!(
                "queries, keys and values of the shapes {} do not fit together",
                shapes.join(", ")
            )));
        }
        let past = match inputs.get(4).copied().flatten() {
            Some(past) if past.rank() == 4 => past.shape[2].clone(),
            Some(past) => return Err(TractError::msg(format!("its past keys have the shape {:?}", past.shape))),
            None => 0.into(),
        };
        let total = past + keys;
        let y = if q.rank() == 3 {
            datatype.fact([batch.clone(), queries.clone(), q_heads.clone() * v_width.clone()])
        } else {
            datatype.fact([batch.clone(), q_heads.clone(), queries.clone(), v_width.clone()])
        };
        Ok(tvec![
            y,
            datatype.fact([batch.clone(), kv_heads.clone(), total.clone(), width]),
            datatype.fact([batch.clone(), kv_heads, total.clone(), v_width]),
            datatype.fact([batch, q_heads, queries, total]),
        ])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> TractResult<TVec<Tensor>> {
        let given = |at: usize| inputs.get(at).copied().flatten();
        let masks: TVec<&Tensor> = given(3).into_iter().collect();
        self.attend(&Given {
            q: required(inputs, 0)?,
            k: required(inputs, 1)?,
            v: required(inputs, 2)?,
            masks: &masks,
            past: given(4).zip(given(5)),
            lengths: given(6),
        })
    }
}

impl Attention {
    /// The outputs, in the precision of the inputs.
    pub fn attend(&self, given: &Given) -> TractResult<TVec<Tensor>> {
        match given.q.datum_type() {
            DatumType::F64 => attend::<f64>(self, given),
            _ => attend::<f32>(self, given),
        }
    }

    /// It is computed as precisely as the inputs are, and half precision in single: what asks for less than that would
    /// get another answer.
    fn check_precision(&self, datatype: DatumType) -> TractResult<()> {
        let Some(asked) = self.precision else { return Ok(()) };
        let single = asked == OnnxType::Float as i64;
        let half = asked == OnnxType::Float16 as i64 || asked == OnnxType::Bfloat16 as i64;
        let enough = match datatype {
            DatumType::F64 => asked == OnnxType::Double as i64,
            DatumType::F32 => single || asked == OnnxType::Double as i64,
            _ => single || half || asked == OnnxType::Double as i64,
        };
        if enough {
            return Ok(());
        }
        Err(TractError::msg("its softmax_precision is less than that of its inputs; export it without"))
    }
}
