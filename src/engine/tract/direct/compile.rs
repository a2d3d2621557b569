//! From the library's graph to steps.

use std::collections::HashMap;
use std::ops::Range;

use tract_onnx::prelude::{DatumType, IntoTValue, OutletId, TVec, Tensor, TypedFact, TypedModel};
use tract_onnx::tract_core::ops::binary::TypedBinOp;
use tract_onnx::tract_core::ops::cast::Cast;
use tract_onnx::tract_core::ops::change_axes::AxisOp;
use tract_onnx::tract_core::ops::cnn::{Conv, MaxPool};
use tract_onnx::tract_core::ops::einsum::EinSum;
use tract_onnx::tract_core::ops::element_wise::ElementWiseOp;
use tract_onnx::tract_core::ops::konst::Const;
use tract_onnx::tract_core::ops::math;
use tract_onnx::tract_core::ops::nn::{LeakyRelu, Reduce, Sigmoid, Softmax};
use tract_onnx::tract_core::ops::source::TypedSource;
use tract_onnx::tract_core::tract_linalg::routines::Func;
use tract_onnx::tract_hir::internal::TypedNode;

use super::dense::Dense;
use super::steps::{Argument, Best, Combination, Map, Operand, Step, Values};
use super::window::{Convolution, Largest};
use super::{Direct, Input, MOST_ELEMENTS, MOST_WEIGHTS, MOST_WORK, Output};
use crate::engine::tract::arithmetic::AsWritten;
use crate::engine::tract::ops::{Own, Primitive, values};
use crate::engine::tract::short_softmax::ShortSoftmax;
use crate::tensor::DataType;

pub struct Compiler<'m> {
    model: &'m TypedModel,
    places: HashMap<OutletId, Place>,
    steps: Vec<Step>,
    reals: usize,
    wholes: usize,
    made: usize,
}

/// Where a value lies.
#[derive(Clone, Debug)]
enum Place {
    Reals(Range<usize>),
    Wholes(Range<usize>),
    Made(usize),
}

impl<'m> Compiler<'m> {
    pub fn of(model: &'m TypedModel) -> Self {
        Self { model, places: HashMap::new(), steps: Vec::new(), reals: 0, wholes: 0, made: 0 }
    }

    pub fn compile(mut self, inputs: &[DataType], outputs: &[DataType]) -> Option<Direct> {
        let sources = self.model.input_outlets().ok()?.to_vec();
        let inputs = sources.iter().zip(inputs).map(|(&outlet, &datatype)| self.input(outlet, datatype));
        let inputs = inputs.collect::<Option<Vec<_>>>()?;
        for id in self.model.eval_order().ok()? {
            let node = self.model.node(id);
            if !node.op_is::<TypedSource>() && !node.op_is::<Const>() {
                self.node(node)?;
            }
        }
        let results = self.model.output_outlets().ok()?.to_vec();
        let output = |(&outlet, &declared): (&OutletId, &DataType)| {
            Some(Output { from: self.argument(outlet)?, shape: self.shape(outlet)?, declared })
        };
        let outputs = results.iter().zip(outputs).map(output).collect::<Option<Vec<_>>>()?;
        let Self { steps, reals, wholes, made, .. } = self;
        Some(Direct { inputs, steps, outputs, reals, wholes, made })
    }

    fn input(&mut self, outlet: OutletId, datatype: DataType) -> Option<Input> {
        let place = self.place(outlet)?;
        let input = match (&place, datatype) {
            (Place::Reals(range), DataType::Fp32) => Input::Reals(range.start),
            (Place::Wholes(range), DataType::Int64 | DataType::Int32) => Input::Wholes(range.start),
            (Place::Made(at), _) => Input::Made(*at),
            _ => return None,
        };
        self.places.insert(outlet, place);
        Some(input)
    }

    /// Adds the steps of a node; `None` if it has none.
    fn node(&mut self, node: &TypedNode) -> Option<()> {
        if let Some(product) = node.op_as::<EinSum>() {
            return self.product(node, product);
        }
        if let Some(conv) = node.op_as::<Conv>() {
            return self.convolution(node, conv);
        }
        if let Some(pool) = node.op_as::<MaxPool>() {
            return self.largest(node, pool);
        }
        if let Some(axes) = node.op_as::<AxisOp>()
            && self.leaves_memory_alone(node, axes)
        {
            return self.alias(node);
        }
        if let Some(cast) = node.op_as::<Cast>()
            && is_same(self.fact(*node.inputs.first()?)?.datum_type, cast.to)
        {
            return self.alias(node);
        }
        let native = if let Some(op) = node.op_as::<TypedBinOp>() {
            self.combination(node, op)
        } else if let Some(op) = node.op_as::<ElementWiseOp>() {
            self.map(node, op)
        } else if let Some(softmax) = node.op_as::<ShortSoftmax>() {
            self.softmax(node, softmax)
        } else if let Some(own) = node.op_as::<Own>() {
            own.primitive().and_then(|primitive| self.primitive(node, primitive))
        } else {
            None
        };
        native.or_else(|| self.call(node))
    }

    fn product(&mut self, node: &TypedNode, product: &EinSum) -> Option<()> {
        let &[a, b] = node.inputs.as_slice() else { return None };
        let stored = if self.constant(b).is_some() { 1 } else { 0 };
        let (matrix, given) = if stored == 1 { (b, a) } else { (a, b) };
        let weights = self.constant(matrix)?;
        // Each is used at least once; so many would be copied for nothing.
        if weights.len() > MOST_WEIGHTS {
            return None;
        }
        let (left, right) = (self.shape(a)?, self.shape(b)?);
        let output = self.shape(node.id.into())?;
        let dense = Dense::of(product, stored, values::slice::<f32>(weights).ok()?, [&left, &right], &output)?;
        let from = self.reals(given)?;
        let to = self.new_reals(node)?;
        if dense.work(from.len()) > MOST_WORK || from.is_empty() || to.is_empty() {
            return None;
        }
        self.steps.push(Step::Dense { dense, from, to });
        Some(())
    }

    fn convolution(&mut self, node: &TypedNode, conv: &Conv) -> Option<()> {
        let &[images, weights, bias] = node.inputs.as_slice() else { return None };
        let (weights, bias) = (self.constant(weights)?, self.constant(bias)?);
        if weights.len() > MOST_WEIGHTS {
            return None;
        }
        let (weights, bias) = (values::slice::<f32>(weights).ok()?, values::slice::<f32>(bias).ok()?);
        let from = self.reals(images)?;
        let to = self.new_reals(node)?;
        // Every output channel has its part of the weights, which each of its places is multiplied with.
        let each = weights.len().checked_div(conv.output_channels())?;
        if each.checked_mul(to.len())? > MOST_WORK || from.is_empty() || to.is_empty() {
            return None;
        }
        let convolution = Convolution::of(conv, &self.shape(images)?, weights, bias)?;
        self.steps.push(Step::Convolution { convolution, from, to });
        Some(())
    }

    fn largest(&mut self, node: &TypedNode, pool: &MaxPool) -> Option<()> {
        let &[images] = node.inputs.as_slice() else { return None };
        let from = self.reals(images)?;
        let to = self.new_reals(node)?;
        let largest = Largest::of(pool, &self.shape(images)?)?;
        self.steps.push(Step::Largest { largest, from, to });
        Some(())
    }

    fn combination(&mut self, node: &TypedNode, op: &TypedBinOp) -> Option<()> {
        let how = match op.0.downcast_ref::<AsWritten>().map_or(&op.0, |AsWritten(op)| op) {
            op if op.is::<math::Add>() => Combination::Sum,
            op if op.is::<math::Sub>() => Combination::Difference,
            op if op.is::<math::Mul>() => Combination::Product,
            op if op.is::<math::Div>() => Combination::Quotient,
            op if op.is::<math::Max>() => Combination::Larger,
            op if op.is::<math::Min>() => Combination::Lesser,
            _ => return None,
        };
        let &[a, b] = node.inputs.as_slice() else { return None };
        let whole = self.shape(node.id.into())?;
        if [a, b, node.id.into()]
            .iter()
            .any(|&outlet| self.fact(outlet).is_none_or(|fact| fact.datum_type != DatumType::F32))
        {
            return None;
        }
        let sides = Box::new([self.operand(a, &whole)?, self.operand(b, &whole)?]);
        let to = self.new_reals(node)?;
        self.steps.push(Step::Combine { how, sides, to });
        Some(())
    }

    /// One side of a combination: equal to the whole in a row of neighbouring axes, and of size one in the others.
    fn operand(&mut self, outlet: OutletId, whole: &[usize]) -> Option<Operand> {
        let shape = self.shape(outlet)?;
        if shape.len() != whole.len() || whole.contains(&0) {
            return None;
        }
        let first = shape.iter().position(|&size| size > 1).unwrap_or(shape.len());
        let end = shape.iter().rposition(|&size| size > 1).map_or(first, |last| last + 1);
        if shape[first..end] != whole[first..end] {
            return None;
        }
        let every = if first == end { 1 } else { whole[end..].iter().product() };
        let from = match self.constant(outlet) {
            Some(constant) => Values::Constant(values::slice::<f32>(constant).ok()?.to_vec()),
            None => Values::Reals(self.reals(outlet)?),
        };
        Some(Operand { from, every })
    }

    fn map(&mut self, node: &TypedNode, op: &ElementWiseOp) -> Option<()> {
        let how = match &op.0 {
            op if op.is::<Sigmoid>() => Map::Kernel(Func::Sigmoid.ew_f32().ok()?),
            op if op.is::<math::Tanh>() => Map::Kernel(Func::Tanh.ew_f32().ok()?),
            op if op.is::<math::Exp>() => Map::Kernel(Func::Exp.ew_f32().ok()?),
            op if op.is::<math::Sqrt>() => Map::Plain(f32::sqrt),
            op if op.is::<math::Abs>() => Map::Plain(f32::abs),
            op if op.is::<math::Neg>() => Map::Plain(|x| -x),
            op if op.is::<math::Recip>() => Map::Plain(f32::recip),
            op if op.is::<math::Square>() => Map::Plain(|x| x * x),
            op => {
                let alpha = op.downcast_ref::<LeakyRelu>()?.alpha;
                Map::LeakyRelu { how: Func::LeakyRelu.ew_f32_param().ok()?, alpha }
            }
        };
        let from = self.reals(*node.inputs.first()?)?;
        let to = self.new_reals(node).filter(|to| to.len() == from.len() && op.1.is_none())?;
        self.steps.push(Step::Map { how, from, to });
        Some(())
    }

    fn softmax(&mut self, node: &TypedNode, softmax: &ShortSoftmax) -> Option<()> {
        let from = self.reals(*node.inputs.first()?)?;
        let to = self.new_reals(node)?;
        self.steps.push(Step::Softmax { softmax: softmax.clone(), from, to });
        Some(())
    }

    /// An operator of our own that says what it is.
    fn primitive(&mut self, node: &TypedNode, primitive: Primitive) -> Option<()> {
        match primitive {
            Primitive::Cast { to } => {
                let from = self.fact(*node.inputs.first()?)?.datum_type;
                if is_same(from, to) { self.alias(node) } else { None }
            }
            Primitive::Best { axis, least, last } => {
                let shape = self.shape(*node.inputs.first()?)?;
                let axis = if axis < 0 { axis + i64::try_from(shape.len()).ok()? } else { axis };
                let axis = usize::try_from(axis).ok().filter(|&axis| axis < shape.len() && !shape.contains(&0))?;
                let best = Best { count: shape[axis], apart: shape[axis + 1..].iter().product(), least, last };
                let from = self.reals(*node.inputs.first()?)?;
                let to = self.new_wholes(node)?;
                self.steps.push(Step::Best { best, from, to });
                Some(())
            }
            Primitive::Pick => {
                let &[table, places] = node.inputs.as_slice() else { return None };
                let stored = self.constant(table)?;
                // Of one row, which is what a list of classes is.
                if stored.len() != *stored.shape().last()? {
                    return None;
                }
                let table = match stored.datum_type() {
                    DatumType::I64 => values::slice::<i64>(stored).ok()?.to_vec(),
                    DatumType::I32 => values::slice::<i32>(stored).ok()?.iter().map(|&x| x.into()).collect(),
                    _ => return None,
                };
                let Some(Place::Wholes(from)) = self.places.get(&places).cloned() else { return None };
                let to = self.new_wholes(node)?;
                self.steps.push(Step::Pick { table, from, to });
                Some(())
            }
        }
    }

    /// The operator as it is, if it is known to be a function of its values that costs about what its size says.
    fn call(&mut self, node: &TypedNode) -> Option<()> {
        let is_plain = node.op_is::<Own>()
            || node.op_is::<ElementWiseOp>()
            || node.op_is::<TypedBinOp>()
            || node.op_is::<Softmax>()
            || node.op_is::<Reduce>()
            || node.op_is::<AxisOp>()
            || node.op_is::<Cast>();
        if !is_plain {
            return None;
        }
        let arguments = node.inputs.iter().map(|&input| self.argument(input)).collect::<Option<_>>()?;
        let (to, count) = (self.made, node.outputs.len());
        for slot in 0..count {
            // Sizes that only the run finds out are the plan's business.
            self.shape(OutletId::new(node.id, slot))?;
            self.places.insert(OutletId::new(node.id, slot), Place::Made(to + slot));
        }
        self.made += count;
        self.steps.push(Step::Call { op: node.op.clone(), arguments, to, count });
        Some(())
    }

    fn leaves_memory_alone(&self, node: &TypedNode, op: &AxisOp) -> bool {
        match *op {
            AxisOp::Add(_) | AxisOp::Rm(_) | AxisOp::Reshape(..) => true,
            // Of all axes that change their order, but one, the size is one.
            AxisOp::Move(from, to) => {
                let shape = node.inputs.first().and_then(|&input| self.shape(input));
                let moved = |shape: TVec<usize>| {
                    let others = shape[from.min(to)..=from.max(to)].iter().filter(|&&size| size > 1).count();
                    others <= 1 || shape[from] == 1
                };
                shape.is_some_and(moved)
            }
        }
    }

    /// The output lies where the input lies.
    fn alias(&mut self, node: &TypedNode) -> Option<()> {
        let place = match self.places.get(node.inputs.first()?)? {
            // A tensor carries its shape and type with it.
            Place::Made(_) => return self.call(node),
            place => place.clone(),
        };
        self.places.insert(node.id.into(), place);
        Some(())
    }

    fn argument(&self, outlet: OutletId) -> Option<Argument> {
        let fact = self.fact(outlet)?;
        if let Some(constant) = &fact.konst {
            return Some(Argument::Constant(constant.clone().into_tvalue()));
        }
        let shape = self.shape(outlet)?;
        Some(match self.places.get(&outlet)?.clone() {
            Place::Reals(range) => Argument::Reals { range, shape },
            Place::Wholes(range) => Argument::Wholes { range, shape, datatype: fact.datum_type },
            Place::Made(at) => Argument::Made(at),
        })
    }

    /// Where the floats of a value lie.
    fn reals(&mut self, outlet: OutletId) -> Option<Range<usize>> {
        match self.places.get(&outlet)?.clone() {
            Place::Reals(range) => Some(range),
            Place::Wholes(_) => None,
            Place::Made(from) => {
                let Place::Reals(to) = self.place(outlet)? else { return None };
                self.steps.push(Step::Load { from, to: to.clone() });
                self.places.insert(outlet, Place::Reals(to.clone()));
                Some(to)
            }
        }
    }

    fn new_reals(&mut self, node: &TypedNode) -> Option<Range<usize>> {
        let Place::Reals(range) = self.place(node.id.into())? else { return None };
        self.places.insert(node.id.into(), Place::Reals(range.clone()));
        Some(range)
    }

    fn new_wholes(&mut self, node: &TypedNode) -> Option<Range<usize>> {
        let Place::Wholes(range) = self.place(node.id.into())? else { return None };
        self.places.insert(node.id.into(), Place::Wholes(range.clone()));
        Some(range)
    }

    /// Memory for a value by its type, as long as there is some left.
    fn place(&mut self, outlet: OutletId) -> Option<Place> {
        let count: usize = self.shape(outlet)?.iter().product();
        if count > MOST_ELEMENTS.saturating_sub(self.reals + self.wholes) {
            return None;
        }
        let next = |used: &mut usize| {
            *used += count;
            *used - count..*used
        };
        Some(match self.fact(outlet)?.datum_type {
            DatumType::F32 => Place::Reals(next(&mut self.reals)),
            DatumType::I64 | DatumType::I32 => Place::Wholes(next(&mut self.wholes)),
            _ => {
                self.made += 1;
                Place::Made(self.made - 1)
            }
        })
    }

    fn fact(&self, outlet: OutletId) -> Option<&'m TypedFact> {
        self.model.outlet_fact(outlet).ok()
    }

    fn constant(&self, outlet: OutletId) -> Option<&'m Tensor> {
        self.fact(outlet)?.konst.as_deref()
    }

    fn shape(&self, outlet: OutletId) -> Option<TVec<usize>> {
        self.fact(outlet)?.shape.as_concrete().map(Into::into)
    }
}

/// Whether a value of one type is one of the other as it lies in memory here, where integers are wide.
fn is_same(from: DatumType, to: DatumType) -> bool {
    from == to || (from == DatumType::I32 && to == DatumType::I64)
}
