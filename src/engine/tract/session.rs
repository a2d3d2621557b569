//! A loaded model: checks that a request has the shape of the signature and holds nothing that the model would misread, and
//! leaves the computing to [`Plans`].

use super::nan;
use super::plans::{Plans, shapes};
use super::samples::Categories;
use crate::engine::{RunError, Session, guard, request};
use crate::memory::GivenBack;
use crate::model::{ClassLabels, GraphSummary, Signature};
use crate::tensor::{Shape, Tensor};

pub struct TractSession {
    about: About,
    plans: Plans,
    sample: Vec<Shape>,
    /// The nodes that may turn NaN into a number.
    nan_stoppers: nan::Stoppers,
    /// Bytes of weights beyond the graph's tensors: those in attributes (linear models, trees), which operators of our
    /// own hold once for all plans.
    attribute_bytes: u64,
    _given_back: GivenBack,
}

/// What can be told about a model without running it.
pub struct About {
    pub signature: Signature,
    pub summary: GraphSummary,
    pub classes: Option<ClassLabels>,
    pub categories: Categories,
}

impl TractSession {
    pub fn new(about: About, plans: Plans, sample: Vec<Shape>, nan_stoppers: nan::Stoppers, file_bytes: usize) -> Self {
        let attribute_bytes = (file_bytes as u64).saturating_sub(about.summary.weight_bytes);
        Self { about, plans, sample, nan_stoppers, attribute_bytes, _given_back: GivenBack }
    }

    fn compute(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, RunError> {
        request::check(&self.about.signature.inputs, inputs)?;
        for (at, (port, input)) in self.about.signature.inputs.iter().zip(inputs).enumerate() {
            if let Some(message) = self.nan_stoppers.refuse(&port.name, input) {
                return Err(RunError { message, not_finite: Some(at) });
            }
        }
        Ok(self.plans.run(inputs)?)
    }
}

impl Session for TractSession {
    fn signature(&self) -> &Signature {
        &self.about.signature
    }

    fn graph(&self) -> &GraphSummary {
        &self.about.summary
    }

    fn classes(&self) -> Option<&ClassLabels> {
        self.about.classes.as_ref()
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, RunError> {
        // Unwinding leaves nothing behind: what a run builds is its own, and `Plans` keeps its books panic-free.
        guard::catch(|| self.compute(inputs)).map_err(RunError::from)?
    }

    fn is_prepared(&self, inputs: &[Tensor]) -> bool {
        self.plans.is_prepared(&shapes(inputs))
    }

    fn is_prepared_for_rows(&self, like: &[Tensor], rows: usize) -> bool {
        let mut shapes = shapes(like);
        shapes.iter_mut().filter_map(|shape| shape.first_mut()).for_each(|first| *first = rows);
        self.plans.is_prepared(&shapes)
    }

    fn prefers_few_sizes(&self) -> bool {
        true
    }

    fn memory_bytes(&self) -> u64 {
        self.plans.weight_bytes() + self.attribute_bytes
    }

    fn sample_shapes(&self) -> Vec<Shape> {
        self.sample.clone()
    }

    fn sample(&self, value: f64) -> Option<Vec<Tensor>> {
        let ports = self.about.signature.inputs.iter().zip(&self.sample).enumerate();
        let made = ports
            .map(|(at, (port, shape))| self.about.categories.put(at, Tensor::made_up(port.datatype, shape, value)?));
        made.collect()
    }
}
