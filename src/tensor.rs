//! A tensor as it travels through the server: element type, shape and contiguous elements. It is deliberately not an
//! array library: no arithmetic, no strides, no views. Numbers are little-endian bytes in row-major order, so a binary
//! request is a slice of its body and a batch is split by slicing; strings are UTF-8.

mod cast;
mod datatype;
mod nearest;
mod rows;

use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;

pub use cast::CastError;
pub use datatype::{DataType, Element};
pub use nearest::nearest_f16;
pub use rows::RowsError;

/// Sizes of the axes, outermost first; empty for a scalar.
pub type Shape = SmallVec<[usize; 4]>;

/// Number of elements of a shape, or `None` when the product does not fit `usize`.
pub fn element_count(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1usize, |count, &size| count.checked_mul(size))
}

/// Elements of a tensor that is made up.
const LARGEST_MADE_UP: usize = 1 << 24;

/// A dense tensor. Cloning is cheap: the elements are shared. Tensors are equal when their bits are: NaN equals itself,
/// and 0.0 is not -0.0.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tensor {
    datatype: DataType,
    shape: Shape,
    elements: Elements,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Elements {
    /// Little-endian, row-major, no padding; the address need not be aligned.
    Numbers(Bytes),
    Strings(Arc<[String]>),
}

/// Shape and elements do not belong together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("shape {shape:?} of {datatype} needs {needed} but {got} came")]
pub struct SizeError {
    pub datatype: DataType,
    pub shape: Shape,
    /// For numbers a count of bytes, for strings a count of elements.
    pub needed: String,
    pub got: usize,
}

impl Tensor {
    /// A numeric or boolean tensor over little-endian bytes. Booleans are one byte each, 0 or 1.
    pub fn from_bytes(datatype: DataType, shape: impl Into<Shape>, bytes: Bytes) -> Result<Self, SizeError> {
        let shape = shape.into();
        let width = datatype.width().unwrap_or(usize::MAX);
        let needed = element_count(&shape).and_then(|count| count.checked_mul(width));
        if needed == Some(bytes.len()) {
            return Ok(Self { datatype, shape, elements: Elements::Numbers(bytes) });
        }
        let needed = needed.map_or_else(|| "more bytes than can be addressed".into(), |n| format!("{n} bytes"));
        Err(SizeError { datatype, shape, needed, got: bytes.len() })
    }

    /// A tensor that takes over a vector of numbers without copying it.
    pub fn from_vec<T: Element>(shape: impl Into<Shape>, values: Vec<T>) -> Result<Self, SizeError> {
        Self::from_bytes(T::DATATYPE, shape, T::into_bytes(values))
    }

    pub fn from_strings(shape: impl Into<Shape>, values: impl Into<Arc<[String]>>) -> Result<Self, SizeError> {
        let (shape, values) = (shape.into(), values.into());
        if element_count(&shape) == Some(values.len()) {
            return Ok(Self { datatype: DataType::Bytes, shape, elements: Elements::Strings(values) });
        }
        let needed = element_count(&shape).map_or_else(|| "more strings than fit".into(), |n| format!("{n} strings"));
        Err(SizeError { datatype: DataType::Bytes, shape, needed, got: values.len() })
    }

    /// A tensor without elements: some axis has size 0.
    pub fn empty(datatype: DataType, shape: &[usize]) -> Result<Self, SizeError> {
        match datatype {
            DataType::Bytes => Self::from_strings(shape, Vec::new()),
            _ => Self::from_bytes(datatype, shape, Bytes::new()),
        }
    }

    /// A tensor full of one value, to try a model with; strings are empty. `None` where it would be larger than says
    /// anything more.
    pub fn made_up(datatype: DataType, shape: &[usize], value: f64) -> Option<Self> {
        let count = element_count(shape).filter(|&count| count <= LARGEST_MADE_UP)?;
        match datatype {
            DataType::Bytes => Self::from_strings(shape, vec![String::new(); count]).ok(),
            DataType::Bool => Self::from_vec(shape, vec![value != 0.0; count]).ok(),
            datatype => Self::from_vec(shape, vec![value; count]).ok()?.cast(datatype).ok(),
        }
    }

    pub fn datatype(&self) -> DataType {
        self.datatype
    }

    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Size of axis 0, the batch; a scalar has none.
    pub fn rows(&self) -> Option<usize> {
        self.shape.first().copied()
    }

    /// Little-endian bytes of a numeric tensor; `None` for strings.
    pub fn bytes(&self) -> Option<&Bytes> {
        match &self.elements {
            Elements::Numbers(bytes) => Some(bytes),
            Elements::Strings(_) => None,
        }
    }

    pub fn strings(&self) -> Option<&[String]> {
        match &self.elements {
            Elements::Strings(strings) => Some(strings),
            Elements::Numbers(_) => None,
        }
    }

    /// The elements as numbers of type `T`: borrowed where the bytes are aligned, copied where they are not, `None`
    /// where the tensor is of another type.
    pub fn values<T: Element>(&self) -> Option<std::borrow::Cow<'_, [T]>> {
        (self.datatype == T::DATATYPE).then(|| T::view(self.bytes()?)).flatten()
    }

    /// The same elements under another shape; the count must agree.
    pub fn reshaped(&self, shape: impl Into<Shape>) -> Result<Self, SizeError> {
        let shape = shape.into();
        if element_count(&shape) == Some(self.len()) {
            return Ok(Self { datatype: self.datatype, shape, elements: self.elements.clone() });
        }
        let needed = format!("{:?} elements", element_count(&shape));
        Err(SizeError { datatype: self.datatype, shape, needed, got: self.len() })
    }

    /// The same in memory of its own: a slice of a large buffer, such as a request's body, keeps all of it alive.
    pub fn compact(&self) -> Self {
        let elements = match &self.elements {
            Elements::Numbers(bytes) => Elements::Numbers(Bytes::copy_from_slice(bytes)),
            Elements::Strings(strings) => Elements::Strings(strings.iter().cloned().collect()),
        };
        Self { datatype: self.datatype, shape: self.shape.clone(), elements }
    }

    /// Bytes the elements occupy, the accounting unit of queues and budgets.
    pub fn size_in_bytes(&self) -> usize {
        match &self.elements {
            Elements::Numbers(bytes) => bytes.len(),
            Elements::Strings(strings) => strings.iter().map(|s| s.len() + size_of::<String>()).sum(),
        }
    }
}
